//! The configuration: where the database is, and how long to wait for it. Read from the environment variables that the
//! Python programs used.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::Host;

use crate::error::Error;
use crate::tls::{self, SslMode, Tls};

/// The most connections that a server can be told to allow.
const MOST_CONNECTIONS: usize = 262_143;

/// What a server takes: 2^31 milliseconds.
const LONGEST_TIMEOUT: Duration = Duration::from_millis(2_147_483_647);

/// How to reach the database. Made from the environment by [`get_config`], or from a connection string.
///
/// `Debug` and `Display` show everything but the password.
///
/// ```
/// use clip_saver_db::Config;
///
/// let config: Config = "postgresql://bot:secret@db.example/clips?sslmode=verify-full".parse()?;
/// assert!(!format!("{config} {config:?}").contains("secret"));
/// assert_eq!(config.pool_max, 10);
/// # Ok::<(), clip_saver_db::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The most connections that the pool opens: `DB_POOL_MAX`, 10 by default, at least 1.
    pub pool_max: usize,
    /// How long connecting may take, a server that is still starting included: `DB_CONNECT_TIMEOUT`, in seconds; else
    /// `connect_timeout` of the connection string; 30 by default.
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection: `DB_ACQUIRE_TIMEOUT`, in seconds, 10 by default.
    pub acquire_timeout: Duration,
    /// After how long the server ends a statement: `DB_STATEMENT_TIMEOUT`, in seconds, 60 by default; `None` (0 in the
    /// variable) for never. Sent as a start-up option, which PgBouncer refuses unless told to ignore it.
    pub statement_timeout: Option<Duration>,
    pub(crate) server: tokio_postgres::Config,
    pub(crate) tls: Tls,
    /// Where migrations connect to, if not there: `DB_MIGRATION_URL`.
    pub(crate) migration: Option<(tokio_postgres::Config, Tls)>,
}

/// Reads the configuration from the environment, as `init_db` does.
///
/// `POSTGRES_DSN`, else `DATABASE_URL`, is a whole connection string. Without them `POSTGRES_HOST` or `DB_HOST`
/// (`localhost`), `POSTGRES_PORT` or `DB_PORT` (5432), `POSTGRES_USER` or `DB_USER` (`postgres`), `POSTGRES_PASSWORD` or
/// `DB_PASSWORD` (`postgres`), and `POSTGRES_DB` or `DB_NAME` (`postgres`) are its parts (TLS is then `prefer`; a
/// connection string can say more). `DB_MIGRATION_URL` is a connection string for migrations alone, which need PostgreSQL itself
/// where the other one leads to a pooler. An empty variable counts as not set. The timeouts and the size of the pool have
/// variables of their own: see [`Config`]'s fields.
///
/// # Errors
/// [`Error::Config`] names the variable that is wrong.
pub fn get_config() -> Result<Config, Error> {
    Config::from_lookup(|variable| env::var_os(variable).map(|value| value.to_string_lossy().into_owned()))
}

impl Config {
    /// Reads the configuration from any source of variables; [`get_config`] uses the environment.
    ///
    /// # Errors
    /// [`Error::Config`] names the variable that is wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(&lookup);
        let mut config = match variables.first(["POSTGRES_DSN", "DATABASE_URL"]) {
            Some((variable, dsn)) => Self::from_dsn(variable, &dsn)?,
            None => Self::from_parts(&variables)?,
        };
        if let Some((variable, dsn)) = variables.first(["DB_MIGRATION_URL"]) {
            let Self { server, tls, .. } = Self::from_dsn(variable, &dsn)?;
            config.migration = Some((server, tls));
        }
        if let Some((variable, text)) = variables.first(["DB_POOL_MAX"]) {
            config.pool_max = number(variable, &text)?;
        }
        if let Some(timeout) = variables.seconds("DB_CONNECT_TIMEOUT")? {
            config.connect_timeout = timeout;
        }
        if let Some(timeout) = variables.seconds("DB_ACQUIRE_TIMEOUT")? {
            config.acquire_timeout = timeout;
        }
        if let Some(timeout) = variables.seconds("DB_STATEMENT_TIMEOUT")? {
            config.statement_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        }
        config.check()?;
        Ok(config)
    }

    fn from_dsn(variable: &str, dsn: &str) -> Result<Self, Error> {
        let (dsn, tls) = tls::take_parameters(dsn).map_err(|reason| Error::config(variable, reason))?;
        let server: tokio_postgres::Config =
            dsn.parse().map_err(|error| Error::config(variable, crate::error::message(&error)))?;
        if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
            return Err(Error::config(variable, "names no host"));
        }
        // What is behind a stray @ would be shown as the host.
        let is_torn = server.get_hosts().iter().any(|name| host(name).contains('@'))
            || server.get_user().is_some_and(|user| user.contains(['/', '?']));
        if is_torn {
            return Err(Error::config(
                variable,
                "@, / and ? in the user or the password must be percent-encoded (%40, %2F, %3F)",
            ));
        }
        Ok(Self::new(server, tls))
    }

    /// Refuses what no pool and no clock can hold; the fields are open to everybody.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=MOST_CONNECTIONS).contains(&self.pool_max) {
            return Err(Error::config("DB_POOL_MAX", format!("must be from 1 to {MOST_CONNECTIONS}")));
        }
        if self.connect_timeout.is_zero() || self.connect_timeout > LONGEST_TIMEOUT {
            return Err(Error::config("DB_CONNECT_TIMEOUT", "must be more than 0 and at most 2147483 seconds"));
        }
        Ok(())
    }

    fn from_parts(variables: &Variables<'_>) -> Result<Self, Error> {
        let part = |names, default: &str| variables.first(names).map_or_else(|| default.to_owned(), |(_, value)| value);
        let mut server = tokio_postgres::Config::new();
        server.host(part(["POSTGRES_HOST", "DB_HOST"], "localhost"));
        server.user(part(["POSTGRES_USER", "DB_USER"], "postgres"));
        server.password(part(["POSTGRES_PASSWORD", "DB_PASSWORD"], "postgres"));
        server.dbname(part(["POSTGRES_DB", "DB_NAME"], "postgres"));
        server.port(match variables.first(["POSTGRES_PORT", "DB_PORT"]) {
            Some((variable, text)) => number(variable, &text)?,
            None => 5432,
        });
        Ok(Self::new(server, Tls::default()))
    }

    fn new(mut server: tokio_postgres::Config, tls: Tls) -> Self {
        server.ssl_mode(tls.mode.negotiation());
        Self {
            pool_max: 10,
            connect_timeout: server.get_connect_timeout().copied().unwrap_or(Duration::from_secs(30)),
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Some(Duration::from_mins(1)),
            server,
            tls,
            migration: None,
        }
    }

    /// How the connections are encrypted and the server is checked.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.tls.mode
    }

    /// What the session that migrates is opened with.
    pub(crate) fn migrating_session(&self) -> (tokio_postgres::Config, &Tls) {
        let (server, tls) = self.migration.as_ref().map_or((&self.server, &self.tls), |(server, tls)| (server, tls));
        (self.session(server), tls)
    }

    fn session(&self, server: &tokio_postgres::Config) -> tokio_postgres::Config {
        let mut session = server.clone();
        session.connect_timeout(self.connect_timeout);
        session
    }

    /// What the sessions of the pool are opened with. An option in the connection string comes later, and so wins.
    pub(crate) fn pooled_session(&self) -> tokio_postgres::Config {
        let mut session = self.session(&self.server);
        if let Some(timeout) = self.statement_timeout {
            let given = session.get_options().unwrap_or_default();
            session.options(format!("-c statement_timeout={} {given}", timeout.as_millis().max(1)));
        }
        session
    }
}

impl FromStr for Config {
    type Err = Error;

    /// From a connection string: a URL (`postgresql://user:password@host:port/database?sslmode=…`) or `key=value` pairs,
    /// as in libpq. What it does not say has the defaults of the fields.
    fn from_str(dsn: &str) -> Result<Self, Error> {
        Self::from_dsn("connection string", dsn)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", address(&self.server, &self.tls, ""))?;
        if let Some((server, tls)) = &self.migration {
            write!(formatter, " {}", address(server, tls, "migration_"))?;
        }
        write!(formatter, " pool_max={}", self.pool_max)?;
        write!(formatter, " connect_timeout={:?} acquire_timeout={:?}", self.connect_timeout, self.acquire_timeout)?;
        match self.statement_timeout {
            Some(timeout) => write!(formatter, " statement_timeout={timeout:?}"),
            None => write!(formatter, " statement_timeout=never"),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Config({self})")
    }
}

/// Where a server is, without the password, and with something before each name.
fn address(server: &tokio_postgres::Config, tls: &Tls, prefix: &str) -> String {
    let addresses = server.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = server.get_hosts().iter().map(host).chain(addresses).collect();
    let ports: Vec<String> = server.get_ports().iter().map(ToString::to_string).collect();
    let parts = [
        ("host", hosts.join(",")),
        ("port", if ports.is_empty() { "5432".into() } else { ports.join(",") }),
        ("user", server.get_user().unwrap_or("(the system's)").into()),
        ("password", if server.get_password().is_some() { "********" } else { "(none)" }.into()),
        ("dbname", server.get_dbname().unwrap_or("(the user's)").into()),
    ];
    let mut words: Vec<String> = parts.iter().map(|(name, value)| format!("{prefix}{name}={value}")).collect();
    words.push(tls.parameters(prefix));
    words.join(" ")
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// The first of the variables that is set and not empty.
    fn first<const N: usize>(&self, names: [&'static str; N]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| (self.0)(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
    }

    fn seconds(&self, name: &'static str) -> Result<Option<Duration>, Error> {
        let Some((_, text)) = self.first([name]) else { return Ok(None) };
        let seconds = text.trim().parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds.filter(|timeout| *timeout <= LONGEST_TIMEOUT) {
            Some(timeout) => Ok(Some(timeout)),
            None => Err(Error::config(name, format!("{text:?} is no number of seconds from 0 to 2147483"))),
        }
    }
}

fn number<T: FromStr>(variable: &str, text: &str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::config(variable, format!("{text:?} is no number that fits")))
}
