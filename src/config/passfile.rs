//! A password file as libpq defines it (`~/.pgpass`): lines of `host:port:database:user:password`, where `*` fits anything
//! and `\` escapes `:` and itself.

use std::fs;
use std::path::Path;

use tokio_postgres::Config as PgConfig;
use tokio_postgres::config::Host;

use super::hosts::OneHost;

/// The folders where PostgreSQL puts its socket by default. libpq looks for `localhost` instead of them.
#[cfg(unix)]
const DEFAULT_SOCKETS: [&str; 2] = ["/tmp", "/var/run/postgresql"];

/// The first four fields of a line.
pub(super) struct Entry([String; 4]);

impl Entry {
    pub(super) fn of(session: &PgConfig, host: &OneHost) -> Self {
        let name = match (&host.name, host.address) {
            (Some(Host::Tcp(name)), _) => name.clone(),
            #[cfg(unix)]
            (Some(Host::Unix(folder)), _) if DEFAULT_SOCKETS.iter().any(|socket| folder.as_os_str() == *socket) => {
                "localhost".into()
            }
            #[cfg(unix)]
            (Some(Host::Unix(folder)), _) => folder.display().to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "localhost".into(),
        };
        let user = session.get_user().unwrap_or_default();
        Self([name, host.port.to_string(), session.get_dbname().unwrap_or(user).to_owned(), user.to_owned()])
    }

    /// The password of the first line that fits, or why there is none.
    pub(super) fn find_in(&self, file: &Path) -> Result<String, String> {
        let text =
            readable_by_owner_alone(file).and_then(|()| fs::read_to_string(file).map_err(|error| error.to_string()));
        let text = text.map_err(|reason| format!("{} is not used: {reason}", file.display()))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .into_iter()
            .find_map(|line| self.password_in(line))
            .ok_or_else(|| format!("{} has no line for {}", file.display(), self.0.join(":")))
    }

    fn password_in(&self, line: &str) -> Option<String> {
        let rest = self.0.iter().try_fold(line, |rest, field| after_field(rest, field))?;
        let mut characters = rest.chars();
        let unescaped = std::iter::from_fn(|| match characters.next()? {
            '\\' => Some(characters.next().unwrap_or('\\')),
            character => Some(character),
        });
        Some(unescaped.collect()).filter(|password: &String| !password.is_empty())
    }
}

/// The rest of a line behind a field that fits.
fn after_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (mut rest, mut wanted) = (line.chars(), wanted.chars());
    loop {
        let character = match rest.next()? {
            ':' if wanted.as_str().is_empty() => return Some(rest.as_str()),
            '\\' => rest.next()?,
            character => character,
        };
        if Some(character) != wanted.next() {
            return None;
        }
    }
}

/// Like libpq, refuses a file that others can read.
fn readable_by_owner_alone(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err("others can read it; run `chmod 600` on it".into());
    }
    if metadata.is_file() { Ok(()) } else { Err("it is not a file".into()) }
}
