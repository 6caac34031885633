//! Connects as the driver's `Config::connect` does, but on our own socket: the driver hides its socket, and only its
//! bytes show whether a connection is silent.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config as PgConfig, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::target_session;
use crate::config::hosts::OneHost;
use crate::config::password::{Asked, Password};
use crate::config::sessions::Target;
use crate::config::target_session::TargetSession;
use crate::error::{Error, ErrorKind};

/// How long to wait before a password's source is asked again: the server was told a new password first, or the file is
/// being replaced.
const ROTATION_PAUSE: Duration = Duration::from_millis(250);

/// Counts the bytes of a connection.
#[derive(Default)]
pub(super) struct Traffic {
    moved: AtomicU64,
    unanswered: AtomicU64,
}

impl Traffic {
    /// How many bytes were sent and received.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// How many bytes were sent since the last one was received. They may still be on their way.
    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn sent(&self, count: usize) {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        self.unanswered.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn received(&self, count: usize) {
        if count > 0 {
            self.moved.fetch_add(count as u64, Ordering::Relaxed);
            self.unanswered.store(0, Ordering::Relaxed);
        }
    }
}

/// A TCP or Unix socket.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// A socket whose bytes are counted.
pub(super) struct Stream {
    socket: Box<dyn Socket>,
    traffic: Arc<Traffic>,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.traffic.received(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.traffic.sent(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

pub(super) type PgConnection = Connection<Stream, <MakeRustlsConnect as MakeTlsConnect<Stream>>::Stream>;

/// The route to a server: one address of one host.
#[derive(Clone)]
pub(super) struct Route {
    session: PgConfig,
    target_session: TargetSession,
    password: Password,
    /// Its name is the one that a certificate must have.
    host: OneHost,
    address: Address,
    tls: MakeRustlsConnect,
}

#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

/// Connects to the host's first address that accepts the session.
pub(super) async fn connect(
    target: &Target,
    host: &OneHost,
    target_session: TargetSession,
    traffic: &Arc<Traffic>,
) -> Result<(Client, PgConnection, Route), Error> {
    let mut failed = None;
    for address in addresses(target, host).await? {
        let (session, tls, password) = (target.session.clone(), target.tls.clone(), target.password.clone());
        let route = Route { session, target_session, password, host: host.clone(), address, tls };
        // Boxed because it is rare: otherwise every call would carry its size.
        match Box::pin(route.connect_anew(traffic)).await {
            Ok((client, connection)) => return Ok((client, connection, route)),
            // At another address the password would be the same.
            Err(error) if error.kind() == ErrorKind::Password || error.is_refused_login() => return Err(error),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| unreachable_host("could not resolve any addresses")))
}

async fn addresses(Target { session, tls, .. }: &Target, host: &OneHost) -> Result<Vec<Address>, Error> {
    let name = match (host.address, &host.name) {
        (Some(address), _) => return Ok(vec![Address::Tcp((address, host.port).into())]),
        (None, Some(Host::Tcp(name))) => name,
        #[cfg(unix)]
        (None, Some(Host::Unix(folder))) => {
            return Ok(vec![Address::Unix(folder.join(format!(".s.PGSQL.{}", host.port)))]);
        }
        // The lists of hosts do not match: the driver's error says why.
        (None, None) => {
            let refused = session.connect(tls.clone()).await.err();
            return Err(refused.map_or_else(|| unreachable_host("no host"), Error::connecting));
        }
    };
    let found = lookup_host((name.as_str(), host.port)).await.map_err(unreachable_host)?;
    let mut found: Vec<_> = found.map(Address::Tcp).collect();
    if session.get_load_balance_hosts() == LoadBalanceHosts::Random {
        found.shuffle(&mut rand::rng());
    }
    Ok(found)
}

impl Route {
    /// The same route, to a primary or a standby.
    pub(super) fn to_any(&self) -> Self {
        let mut any = self.clone();
        any.target_session = TargetSession::Any;
        any
    }

    /// Connects; asks for the password once more if the server refuses it, because it may just have been changed.
    async fn connect_anew(&self, traffic: &Arc<Traffic>) -> Result<(Client, PgConnection), Error> {
        match self.connect(traffic).await {
            Err(error) if error.is_refused_login() && self.password.may_change() => {
                sleep(ROTATION_PAUSE).await;
                self.connect(traffic).await
            }
            result => result,
        }
    }

    async fn connect(&self, traffic: &Arc<Traffic>) -> Result<(Client, PgConnection), Error> {
        let stream = self.open(traffic).await?;
        let asked = self.ask_password().await?; // after the server has accepted: a server that is away needs none
        self.start(stream, &asked).await
    }

    pub(super) async fn ask_password(&self) -> Result<Asked, Error> {
        let limit = self.session.get_connect_timeout().copied().unwrap_or(Duration::MAX);
        self.password.ask(&self.session, &self.host, limit).await
    }

    /// Starts a session on a socket.
    pub(super) async fn start(&self, stream: Stream, asked: &Asked) -> Result<(Client, PgConnection), Error> {
        let connecting = asked.applied_to(&self.session).connect_raw(stream, self.connector()).await;
        let explained = |error| self.password.explain(Error::connecting(error), asked, &self.session);
        let (client, mut connection) = connecting.map_err(explained)?;
        target_session::check(self.target_session, &client, &mut connection).await?;
        Ok((client, connection))
    }

    /// Asks the server to cancel a session's statement.
    pub(super) async fn cancel(&self, session: CancelToken) -> Result<(), Error> {
        let stream = self.open(&Arc::default()).await?;
        session.cancel_query_raw(stream, self.connector()).await.map_err(Error::connecting)
    }

    fn connector(&self) -> <MakeRustlsConnect as MakeTlsConnect<Stream>>::TlsConnect {
        let name = match &self.host.name {
            Some(Host::Tcp(name)) => name.as_str(),
            _ => "",
        };
        let Ok(connector) = MakeTlsConnect::<Stream>::make_tls_connect(&mut self.tls.clone(), name);
        connector
    }

    pub(super) async fn open(&self, traffic: &Arc<Traffic>) -> Result<Stream, Error> {
        let opening = async {
            let socket: Box<dyn Socket> = match &self.address {
                Address::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    self.set_up(&stream)?;
                    Box::new(stream)
                }
                #[cfg(unix)]
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            };
            io::Result::Ok(Stream { socket, traffic: traffic.clone() })
        };
        let opened = match self.session.get_connect_timeout() {
            Some(limit) => timeout(*limit, opening).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            None => opening.await,
        };
        opened.map_err(unreachable_host)
    }

    fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(self.session.get_tcp_user_timeout().copied())?;
        if !self.session.get_keepalives() {
            return Ok(());
        }
        let mut keepalive = TcpKeepalive::new().with_time(self.session.get_keepalives_idle());
        #[cfg(not(target_os = "openbsd"))]
        if let Some(interval) = self.session.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        #[cfg(not(any(target_os = "openbsd", windows)))]
        if let Some(retries) = self.session.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)
    }
}

/// An error in the driver's words.
pub(super) fn unreachable_host(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Connection).with_reason(format!("error connecting to server: {reason}"))
}
