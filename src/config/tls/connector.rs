//! Connects tokio-postgres with rustls: the handshake, ALPN, and the encrypted stream. tokio-postgres-rustls knows neither
//! ALPN nor the channel binding of ECDSA with SHA-512.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{SslMode as Negotiation, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as RustlsStream;

use super::verifier::Verifier;
use super::{SslMode, Tls, channel_binding, client_certificate, explain};
use crate::error::Error;

/// The protocol's name in ALPN.
const POSTGRESQL: &[u8] = b"postgresql";

/// Encrypts connections as a configuration says.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    tls: Tls,
    config: Arc<ClientConfig>,
    /// TLS begins without a request in PostgreSQL's protocol (`sslnegotiation=direct`).
    is_direct: bool,
}

impl Tls {
    /// Reads the certificates.
    pub(crate) fn connector(&self, negotiation: SslNegotiation) -> Result<Connector, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new(self, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::config("sslmode", error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client_certificate {
            Some((certificate, key)) if self.mode != SslMode::Disable => {
                builder.with_client_cert_resolver(client_certificate::read(certificate, key, &provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let is_direct = negotiation == SslNegotiation::Direct;
        if is_direct {
            config.alpn_protocols = vec![POSTGRESQL.to_vec()];
        }
        Ok(Connector(Arc::new(Inner { tls: self.clone(), config: Arc::new(config), is_direct })))
    }
}

impl Connector {
    /// For a connection to a host, which a certificate must name. Without a host it must name the address. (libpq has no
    /// `verify-full` without a host.)
    pub(crate) fn handshake(&self, host: Option<&str>, address: Option<IpAddr>) -> Handshake {
        Handshake { connector: self.clone(), host: host.map(ToOwned::to_owned), address }
    }

    /// How to try again after this error of the first attempt.
    pub(crate) fn fallback(&self, error: &Error) -> Option<Negotiation> {
        self.0.tls.fallback(error)
    }
}

/// The TLS handshake of one connection.
pub(crate) struct Handshake {
    connector: Connector,
    host: Option<String>,
    address: Option<IpAddr>,
}

impl Handshake {
    /// Also the name that the server gets to choose a certificate by (SNI), unless it is an address.
    fn server_name(&self) -> io::Result<ServerName<'static>> {
        match (&self.host, self.address) {
            (Some(host), address) => match (ServerName::try_from(host.clone()), address) {
                (Ok(name), _) => Ok(name),
                (Err(_), Some(address)) if self.connector.0.tls.mode != SslMode::VerifyFull => Ok(address.into()),
                (Err(error), _) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("host {host:?}: {error}"))),
            },
            (None, Some(address)) => Ok(address.into()),
            (None, None) => Err(io::Error::new(io::ErrorKind::InvalidInput, "a Unix socket has no TLS")),
        }
    }

    async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) -> io::Result<TlsStream<S>> {
        let name = self.server_name()?;
        let Inner { tls, config, is_direct } = &*self.connector.0;
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        let stream = connecting.map_err(|error| explain::handshake(error, tls, *is_direct))?;
        // Otherwise a server of another protocol could be made to talk to us.
        if *is_direct && stream.get_ref().1.alpn_protocol() != Some(POSTGRESQL) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, explain::NO_ALPN));
        }
        Ok(TlsStream(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = TlsStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(self.run(stream))
    }
}

/// An encrypted connection.
pub(crate) struct TlsStream<S>(RustlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for TlsStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().and_then(<[_]>::first);
        certificate
            .and_then(|certificate| channel_binding::hash(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
