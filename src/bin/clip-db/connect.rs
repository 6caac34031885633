//! Where the database is: `--url`, else the environment.

use std::env;
use std::time::Duration;

use clip_saver_db::{Config, Db, Error, ErrorKind};

use crate::end::Failure;

/// How long to wait for a server, if nobody says: who sits at a terminal does not want the library's 30 seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration and where it is from.
pub struct Settings {
    /// As bot and worker have it.
    pub config: Config,
    /// The variable, or `--url`, that the address is from.
    pub source: &'static str,
    is_timeout_given: bool,
}

impl Settings {
    /// Reads the environment, or the URL instead of its addresses.
    pub fn read(url: Option<&str>) -> Result<Self, Failure> {
        let source = match url {
            Some("") => return Err(Failure::wrong("--url: is empty")),
            Some(_) => "--url",
            None => ["POSTGRES_DSN", "DATABASE_URL"].into_iter().find(|name| variable(name).is_some()).unwrap_or(PARTS),
        };
        let lookup = |name: &str| match name {
            "POSTGRES_DSN" if url.is_some() => url.map(Into::into),
            "DB_MIGRATION_URL" if url.is_some() => None, // it belongs to the environment's database
            _ => variable(name),
        };
        let config = Config::from_lookup(lookup).map_err(|error| refusal(error, source))?;
        let dsn = url.map(Into::into).or_else(|| variable(source)).unwrap_or_default();
        let is_timeout_given = variable("DB_CONNECT_TIMEOUT").is_some() || dsn.contains("connect_timeout");
        Ok(Self { config, source, is_timeout_given })
    }

    /// What the configuration says, without the password: names and values.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for word in self.config.to_string().split(' ') {
            match (word.split_once('='), entries.last_mut()) {
                (Some((name, value)), _) if is_name(name) => entries.push((name.to_owned(), value.to_owned())),
                (_, Some((_, value))) => value.extend([" ", word]),
                _ => {}
            }
        }
        entries
    }

    /// The servers' names or addresses, with commas between them.
    pub fn hosts(&self) -> String {
        self.entries().into_iter().find(|(name, _)| name == "host").map(|(_, hosts)| hosts).unwrap_or_default()
    }

    /// Whether migrations have an address of their own.
    pub fn migrates_elsewhere(&self) -> bool {
        self.entries().iter().any(|(name, _)| name == "migration_host")
    }

    /// How clip-db itself connects.
    pub fn own(&self, connections: usize) -> Config {
        let mut config = self.config.clone();
        config.pool_max = connections;
        if !self.is_timeout_given {
            config.connect_timeout = CONNECT_TIMEOUT;
        }
        config
    }

    pub async fn connect(&self) -> Result<Db, Failure> {
        Db::connect(self.own(1)).await.map_err(|error| Failure::connecting(&error))
    }
}

const PARTS: &str = "POSTGRES_HOST and its like";

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
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
