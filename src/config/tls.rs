//! TLS with rustls: five `sslmode`s of libpq, with the platform's root certificates or those of `sslrootcert`.
//! tokio-postgres knows three of the modes and no certificates, so both parameters are read here.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::warn;

use super::by_name::by_name;
use super::parameters::Parameters;
use crate::error::Error;

/// libpq's [`sslmode`](https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION): whether the
/// connection is encrypted, and whether the server's certificate is checked. A Unix socket has no TLS: `require` and the
/// stricter modes refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it. The default, as in libpq. With `sslrootcert` the certificate is checked as in
    /// `verify-ca`, without it not at all.
    #[default]
    Prefer,
    /// Encryption. With `sslrootcert` the certificate is checked as in `verify-ca`, without it not at all.
    Require,
    /// Encryption, and a trusted authority must have issued the certificate.
    VerifyCa,
    /// As `VerifyCa`, and the certificate must be for the host in the connection string. Use this one across a network.
    VerifyFull,
}

impl SslMode {
    pub(crate) fn negotiation(self) -> tokio_postgres::config::SslMode {
        match self {
            Self::Disable => tokio_postgres::config::SslMode::Disable,
            Self::Prefer => tokio_postgres::config::SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => tokio_postgres::config::SslMode::Require,
        }
    }
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        by_name(all, text).map_err(|reason| format!("sslmode {reason}"))
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        })
    }
}

/// The TLS part of a configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) mode: SslMode,
    /// A PEM file; `None` for the platform's root certificates.
    root_certificates: Option<PathBuf>,
}

impl Tls {
    /// The parameters as a connection string names them, each name with the prefix.
    pub(crate) fn parameters(&self, prefix: &str) -> String {
        match &self.root_certificates {
            Some(file) => format!("{prefix}sslmode={} {prefix}sslrootcert={}", self.mode, file.display()),
            None => format!("{prefix}sslmode={}", self.mode),
        }
    }

    /// From the two parameters of a connection string. `system` is libpq's name for the platform's root certificates, and
    /// implies `verify-full`, as in libpq.
    fn new(mode: Option<&str>, root_certificates: Option<&str>) -> Result<Self, String> {
        let mode: Option<SslMode> = mode.map(str::parse).transpose()?;
        match (mode, root_certificates) {
            (Some(SslMode::VerifyFull) | None, Some("system")) => {
                Ok(Self { mode: SslMode::VerifyFull, root_certificates: None })
            }
            (Some(mode), Some("system")) => Err(format!("sslrootcert=system needs sslmode=verify-full, not {mode}")),
            (mode, file) => Ok(Self { mode: mode.unwrap_or_default(), root_certificates: file.map(Into::into) }),
        }
    }

    /// With `sslrootcert` every mode that encrypts checks the certificate.
    fn verifies(&self) -> bool {
        match self.mode {
            SslMode::Disable => false,
            SslMode::Prefer | SslMode::Require => self.root_certificates.is_some(),
            SslMode::VerifyCa | SslMode::VerifyFull => true,
        }
    }

    /// The TLS connector for tokio-postgres.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, Error> {
        let provider = Arc::new(ring::default_provider());
        let check = Verifier {
            roots: if self.verifies() { Some(self.root_verifier(&provider)?) } else { None },
            checks_host: self.mode == SslMode::VerifyFull,
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::config("sslmode", error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check))
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn root_verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let roots = match &self.root_certificates {
            Some(file) => {
                roots_of(file).map_err(|error| Error::config("sslrootcert", format!("{}: {error}", file.display())))?
            }
            None => platform_roots(),
        };
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().map_err(|error| {
            Error::config("sslrootcert", format!("no root certificate to check the server with: {error}"))
        })
    }
}

fn roots_of(file: &Path) -> Result<RootCertStore, Box<dyn StdError>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

fn platform_roots() -> RootCertStore {
    let platform = rustls_native_certs::load_native_certs();
    for error in &platform.errors {
        warn!(%error, "a root certificate of this platform cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(platform.certs);
    roots
}

/// Checks a server's certificate as the mode requires.
#[derive(Debug)]
struct Verifier {
    roots: Option<Arc<WebPkiServerVerifier>>,
    checks_host: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        // The host is checked last: an error about it means that everything else is valid.
        match roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_host => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes `sslmode` and `sslrootcert` out of a connection string's options.
pub(super) fn take_parameters(parameters: &mut Parameters) -> Result<Tls, String> {
    Tls::new(parameters.take("sslmode").as_deref(), parameters.take("sslrootcert").as_deref())
}
