//! TLS as libpq does it, with rustls: the modes, root and client certificates that a connection string names.
//! tokio-postgres knows three of the modes and no certificates, so these parameters are read here.

mod channel_binding;
mod client_certificate;
pub(crate) mod connector;
mod explain;
mod leaf;
mod verifier;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::config::{SslMode as Negotiation, SslNegotiation};

use super::by_name::by_name;
use super::parameters::Parameters;
use crate::error::{Error, ErrorKind};

/// libpq's [`sslmode`](https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION): whether the
/// connection is encrypted, and whether the server's certificate is checked. A Unix socket has no TLS, whatever
/// the mode, as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption only if the server refuses connections without it.
    Allow,
    /// Encryption, unless the server does not offer it or refuses it (`pg_hba.conf`). The default, as in libpq. With
    /// `sslrootcert` the certificate is checked as in `verify-ca`, without it not at all.
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
    /// How a connection is tried first.
    pub(crate) fn negotiation(self) -> Negotiation {
        match self {
            Self::Disable | Self::Allow => Negotiation::Disable,
            Self::Prefer => Negotiation::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => Negotiation::Require,
        }
    }
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        by_name(all, text).map_err(|reason| format!("sslmode {reason}"))
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
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
    /// The PEM files with this program's certificate and its key.
    client_certificate: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// The parameters as a connection string names them, each name with the prefix.
    pub(crate) fn parameters(&self, prefix: &str) -> String {
        let root = self.root_certificates.iter().map(|file| ("sslrootcert", file));
        let own = self.client_certificate.iter().flat_map(|(file, key)| [("sslcert", file), ("sslkey", key)]);
        let files = root.chain(own).map(|(name, file)| format!(" {prefix}{name}={}", file.display()));
        format!("{prefix}sslmode={}{}", self.mode, files.collect::<String>())
    }

    /// Takes `sslmode`, `sslrootcert`, `sslcert` and `sslkey` out of a connection string's options. `system` is libpq's name for
    /// the platform's root certificates, and implies `verify-full`, as in libpq.
    pub(super) fn take_from(parameters: &mut Parameters) -> Result<Self, String> {
        let (mode, root_certificates) = (parameters.take("sslmode"), parameters.take("sslrootcert"));
        let (certificate, key) = (parameters.take("sslcert"), parameters.take("sslkey"));
        let mode: Option<SslMode> = mode.as_deref().map(str::parse).transpose()?;
        let client_certificate = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (Some(_), None) => return Err("sslcert needs sslkey, the file with the certificate's private key".into()),
            (None, Some(_)) => return Err("sslkey needs sslcert, the file with the key's certificate".into()),
        };
        let (mode, root_certificates) = match (mode, root_certificates.as_deref()) {
            (Some(SslMode::VerifyFull) | None, Some("system")) => (SslMode::VerifyFull, None),
            (Some(mode), Some("system")) => {
                return Err(format!("sslrootcert=system needs sslmode=verify-full, not {mode}"));
            }
            (Some(SslMode::VerifyCa), None) => {
                return Err(
                    "sslmode=verify-ca needs sslrootcert=FILE, because anybody can have a certificate from one of the \
                            platform's authorities; use verify-full without one"
                        .into(),
                );
            }
            (mode, file) => (mode.unwrap_or_default(), file.map(Into::into)),
        };
        Ok(Self { mode, root_certificates, client_certificate })
    }

    /// As libpq, refuses `sslnegotiation=direct` in modes that may do without TLS: an older server does not know it.
    pub(crate) fn check(&self, negotiation: SslNegotiation) -> Result<(), String> {
        if negotiation == SslNegotiation::Direct && self.mode.negotiation() != Negotiation::Require {
            return Err(format!(
                "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full, not {}",
                self.mode
            ));
        }
        Ok(())
    }

    /// With `sslrootcert` every mode that encrypts checks the certificate.
    fn verifies(&self) -> bool {
        match self.mode {
            SslMode::Disable => false,
            SslMode::Allow | SslMode::Prefer | SslMode::Require => self.root_certificates.is_some(),
            SslMode::VerifyCa | SslMode::VerifyFull => true,
        }
    }

    /// How to try again after this error of the first attempt.
    ///
    /// libpq tries again after every error that the server sends, a wrong password included, and after every failed
    /// handshake. Here `prefer` uses plain text only if the server refuses TLS before it asks for a password, or if TLS with
    /// it is impossible although its certificate is not checked. So a password that was refused under TLS is never sent in
    /// plain text, and a certificate that does not come from `sslrootcert` is an error.
    fn fallback(&self, error: &Error) -> Option<Negotiation> {
        match self.mode {
            SslMode::Allow if error.refuses_session() => Some(Negotiation::Prefer),
            SslMode::Prefer if error.refuses_connection() => Some(Negotiation::Disable),
            SslMode::Prefer if error.kind() == ErrorKind::Tls && !self.verifies() => Some(Negotiation::Disable),
            _ => None,
        }
    }
}
