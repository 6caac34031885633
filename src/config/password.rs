//! Where the password is from. A file or a provider is asked at each new connection: a running program gets a password
//! that was changed.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_postgres::Config as PgConfig;

use super::hosts::OneHost;
use super::passfile::Entry;
use crate::error::{Error, ErrorKind};

/// What to do if the server asks for a password and there is none.
pub(super) const INTO_STRING: &str = "put one into the connection string, or use Config::with_password_provider";
pub(super) const INTO_VARIABLES: &str =
    "put one into the connection string, POSTGRES_PASSWORD, POSTGRES_PASSWORD_FILE, PGPASSWORD or ~/.pgpass";
pub(super) const INTO_MIGRATION_VARIABLES: &str =
    "put one into DB_MIGRATION_URL, DB_MIGRATION_PASSWORD_FILE or ~/.pgpass";

#[derive(Clone)]
pub(crate) struct Password {
    pub(super) source: Source,
    /// Where to put one, if there is none.
    pub(super) advice: &'static str,
}

#[derive(Clone)]
pub(super) enum Source {
    /// The driver's configuration holds it, or there is none.
    Fixed,
    /// The whole file is the password.
    File(PathBuf),
    /// libpq's file of many passwords. If no line fits, as `Fixed`.
    PassFile(PathBuf),
    Provider(Provider),
}

type ProviderError = Box<dyn StdError + Send + Sync>;
type Asking = Pin<Box<dyn Future<Output = Result<String, ProviderError>> + Send>>;

/// The caller's function.
pub(super) type Provider = Arc<dyn Fn() -> Asking + Send + Sync>;

/// The caller's function as a [`Provider`].
pub(super) fn provider<F, Answer, E>(ask: F) -> Provider
where
    F: Fn() -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<String, E>> + Send + 'static,
    E: Into<ProviderError>,
{
    Arc::new(move || {
        let answer = ask();
        Box::pin(async { answer.await.map_err(Into::into) })
    })
}

/// The answer of a source.
pub(crate) struct Asked {
    /// `None`: the driver's configuration holds it, or there is none.
    password: Option<Vec<u8>>,
    /// Why a line of the password file is missing.
    reason: Option<String>,
}

impl Password {
    /// Whether it may be another one when it is asked again.
    pub(crate) fn may_change(&self) -> bool {
        !matches!(self.source, Source::Fixed)
    }

    /// Asks the source. A provider has `limit` to answer.
    pub(crate) async fn ask(&self, session: &PgConfig, host: &OneHost, limit: Duration) -> Result<Asked, Error> {
        let password = match &self.source {
            Source::Fixed => None,
            Source::File(path) => Some(self.read(path.clone()).await?),
            Source::PassFile(path) => {
                let (entry, path) = (Entry::of(session, host), path.clone());
                match spawn_blocking(move || entry.find_in(&path)).await.map_err(failed)? {
                    Ok(password) => Some(password.into_bytes()),
                    Err(reason) => return Ok(Asked { password: None, reason: Some(reason) }),
                }
            }
            Source::Provider(ask) => Some(answer(ask, limit).await?.into_bytes()),
        };
        Ok(Asked { password, reason: None })
    }

    async fn read(&self, path: PathBuf) -> Result<Vec<u8>, Error> {
        let reading = spawn_blocking(move || read_file(&path)).await.map_err(failed)?;
        reading.map_err(|reason| Error::new(ErrorKind::Password).with_reason(reason).repeatable())
    }

    /// Adds to an error of connecting where to put a password, or what is odd about the one that was refused.
    pub(crate) fn explain(&self, error: Error, asked: &Asked, session: &PgConfig) -> Error {
        if error.kind() == ErrorKind::Password {
            let reason = asked.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            return error
                .with_reason(format!("the server asks for a password, and none was given{reason}; {}", self.advice));
        }
        let used = asked.password.as_deref().or(session.get_password()).unwrap_or_default();
        match (odd_shape(used), &asked.reason) {
            _ if !error.is_refused_login() => error,
            (Some(shape), _) => error.with_reason(format!("; the password {shape}: is that part of it?")),
            (None, Some(reason)) => error.with_reason(format!("; {reason}")),
            (None, None) => error,
        }
    }
}

impl Asked {
    /// The session's configuration with the password.
    pub(crate) fn applied_to(&self, session: &PgConfig) -> PgConfig {
        let mut session = session.clone();
        if let Some(password) = &self.password {
            session.password(password);
        }
        session
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => formatter.write_str("********"),
            Self::File(path) => write!(formatter, "(file {})", path.display()),
            Self::PassFile(path) => write!(formatter, "(password file {})", path.display()),
            Self::Provider(_) => formatter.write_str("(provider)"),
        }
    }
}

/// Asks a provider. It is asked again if it fails, as a server that is away.
async fn answer(ask: &Provider, limit: Duration) -> Result<String, Error> {
    let failed = |reason: String| Error::new(ErrorKind::Password).with_reason(reason).repeatable();
    match timeout(limit, ask()).await {
        Ok(Ok(password)) if password.is_empty() => Err(failed("the password provider returned no password".into())),
        Ok(Ok(password)) => Ok(password),
        Ok(Err(error)) => {
            Err(failed(format!("the password provider (Config::with_password_provider) failed: {error}"))
                .with_source(error))
        }
        Err(_) => Err(failed(format!("the password provider has not answered in {limit:?}"))),
    }
}

fn failed(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Password).with_reason(format!("the password cannot be read: {error}"))
}

/// The password in a file, without the line end that editors and `echo` add.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let mut password = std::fs::read(path).map_err(|error| format!("the password file {}: {error}", path.display()))?;
    let length = without_line_end(&password).len();
    password.truncate(length);
    if password.is_empty() {
        return Err(format!("the password file {} is empty", path.display()));
    }
    Ok(password)
}

/// Without one line end, which is almost surely not part of a password.
fn without_line_end(password: &[u8]) -> &[u8] {
    password.strip_suffix(b"\r\n").or(password.strip_suffix(b"\n")).unwrap_or(password)
}

/// What may be a mistake about a password. It says nothing else about it.
fn odd_shape(password: &[u8]) -> Option<&'static str> {
    let (first, last) = (*password.first()?, *password.last()?);
    if first.is_ascii_whitespace() || last.is_ascii_whitespace() {
        Some("begins or ends with white space")
    } else if password.len() > 1 && first == last && b"\"'`".contains(&first) {
        Some("is in quotes")
    } else {
        None
    }
}
