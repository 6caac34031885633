//! Where the database is: `--url`, else the environment.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use clip_saver_db::{Config, Db, Error, ErrorKind};

use crate::exit::Failure;

/// The default timeout: at a terminal the library's 30 seconds are too long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration and where it is from.
pub struct Settings {
    /// The configuration of bot and worker in this environment.
    pub config: Config,
    /// The variable, or `--url`, that the address is from.
    pub source: &'static str,
    has_connect_timeout: bool,
}

impl Settings {
    /// Reads the environment, or the URL instead of its addresses.
    pub fn read(url: Option<&str>) -> Result<Self, Failure> {
        let source = match url {
            Some("") => return Err(Failure::wrong("--url: is empty")),
            Some(_) => "--url",
            None => ["POSTGRES_DSN", "DATABASE_URL"]
                .into_iter()
                .find(|name| variable(name).is_some())
                .unwrap_or(SINGLE_VARIABLES),
        };
        let lookup = |name: &str| match name {
            "POSTGRES_DSN" if url.is_some() => url.map(OsString::from),
            "DB_MIGRATION_URL" | "DB_MIGRATION_PASSWORD_FILE" if url.is_some() => None, // for the environment's database
            _ => variable(name),
        };
        let config = Config::from_lookup(lookup).map_err(|error| refusal(error, source))?;
        let dsn = url.map(OsString::from).or_else(|| variable(source)).unwrap_or_default();
        let has_connect_timeout =
            ["DB_CONNECT_TIMEOUT", "PGCONNECT_TIMEOUT"].iter().any(|name| variable(name).is_some())
                || dsn.to_string_lossy().contains("connect_timeout");
        Ok(Self { config, source, has_connect_timeout })
    }

    /// The names and values of the configuration, without the password.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for part in self.config.to_string().split(' ') {
            match (part.split_once('='), entries.last_mut()) {
                (Some((name, value)), _) if is_name(name) => entries.push((name.to_owned(), value.to_owned())),
                (_, Some((_, value))) => value.extend([" ", part]),
                _ => {}
            }
        }
        entries
    }

    /// The servers' names or addresses, separated by commas.
    pub fn hosts(&self) -> String {
        self.entries().into_iter().find(|(name, _)| name == "host").map(|(_, hosts)| hosts).unwrap_or_default()
    }

    /// Whether `DB_MIGRATION_URL` is set.
    pub fn has_migration_url(&self) -> bool {
        self.entries().iter().any(|(name, _)| name == "migration_host")
    }

    /// The configuration of clip-db's own pool.
    pub fn own_config(&self, connections: usize) -> Config {
        let mut config = self.config.clone();
        config.pool_max = connections;
        if !self.has_connect_timeout {
            config.connect_timeout = CONNECT_TIMEOUT;
        }
        config
    }

    pub async fn connect(&self) -> Result<Db, Failure> {
        Db::connect(self.own_config(2)).await.map_err(|error| Failure::connecting(&error))
    }
}

const SINGLE_VARIABLES: &str = "POSTGRES_HOST and similar variables";

fn variable(name: &str) -> Option<OsString> {
    let is_blank = |character: char| character.is_whitespace() || "\"'`".contains(character);
    env::var_os(name).filter(|value| !value.to_string_lossy().trim_matches(is_blank).is_empty())
}

fn refusal(error: Error, source: &str) -> Failure {
    if error.kind() == ErrorKind::Config && error.field() == Some("POSTGRES_DSN") {
        return Failure::wrong(error.to_string().replacen("POSTGRES_DSN", source, 1));
    }
    error.into()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
