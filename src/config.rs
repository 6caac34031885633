//! The configuration: where the database is, how long to wait for it, and how much of it to use. It is read from the
//! environment variables that the Python programs used, and from some new ones.

mod prepared_statements;
pub(crate) mod schema;
pub(crate) mod sessions;
mod show;
pub(crate) mod tls;

pub use prepared_statements::PreparedStatements;

use std::env;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use self::tls::{SslMode, Tls};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;

/// The largest `max_connections` that PostgreSQL accepts.
const MAX_CONNECTIONS: usize = 262_143;

/// The longest timeout that PostgreSQL accepts, in milliseconds.
const MAX_TIMEOUT: Duration = Duration::from_millis(2_147_483_647);

/// This much fits into one PostgreSQL message (1 GiB) with the lengths of the values.
const MAX_BATCH_BYTES: usize = 512 << 20;

/// How to reach and use the database. [`get_config`] reads it from the environment, `parse` from a connection string.
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
    /// How long connecting may take, including the wait for a server that is starting: `DB_CONNECT_TIMEOUT`, in seconds;
    /// else `connect_timeout` of the connection string; 30 by default.
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection: `DB_ACQUIRE_TIMEOUT`, in seconds, 10 by default.
    pub acquire_timeout: Duration,
    /// After how long the server ends a statement: `DB_STATEMENT_TIMEOUT`, in seconds, 60 by default; `None` (0 in the
    /// variable) for never. It is sent as a start-up option, which PgBouncer refuses unless it is configured to ignore it.
    /// If the server sends nothing for 5 seconds more, the connection is closed.
    pub statement_timeout: Option<Duration>,
    /// After how long the server ends an idle transaction: `DB_IDLE_IN_TRANSACTION_TIMEOUT`, in seconds, 60 by default;
    /// `None` (0 in the variable) for never. A start-up option, too.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// After how long the pool replaces a connection, up to a tenth less at random: `DB_MAX_LIFETIME`, in seconds, 1,800 by
    /// default; `None` (0 in the variable) for never.
    pub max_lifetime: Option<Duration>,
    /// The most bytes of text, JSON and ids that a batch may hold: `DB_MAX_BATCH_BYTES`, 64 MiB by default. PostgreSQL
    /// accepts 1 GiB at most in one statement, and needs several times a batch's size in memory.
    pub max_batch_bytes: usize,
    /// The most bytes of a settings document, patch or overrides as JSON text: `DB_MAX_SETTINGS_BYTES`, 256 KiB by default.
    pub max_settings_bytes: usize,
    /// How long migrating waits for other sessions, in all: for another program that migrates, for the locks of a file, and
    /// for the transactions that hold back `create index concurrently`. `DB_MIGRATION_TIMEOUT`, in seconds, 300 by default;
    /// `None` (0 in the variable) to wait for ever. The time in which it works does not count.
    pub migration_timeout: Option<Duration>,
    /// After how long a call is logged as slow: `DB_SLOW_QUERY_MS`, in milliseconds, 1,000 by default; `None` (0 in the
    /// variable) for never.
    pub slow_query: Option<Duration>,
    /// Whether statements are prepared once for each connection: `DB_PREPARED_STATEMENTS`, `auto` by default.
    pub prepared_statements: PreparedStatements,
    /// The schema that holds the tables and the history of migrations: `DB_SCHEMA`, `public` by default; 1 to 63 bytes. Every
    /// session works there, whatever `search_path` the role, the database or the connection string sets.
    pub schema: String,
    /// Whether sessions get their pinned settings as start-up options. `PgBouncer` may refuse these.
    pub(crate) pins_at_start: bool,
    pub(crate) server: tokio_postgres::Config,
    pub(crate) tls: Tls,
    /// Where migrations connect to, if not to `server`: `DB_MIGRATION_URL`.
    pub(crate) migration: Option<(tokio_postgres::Config, Tls)>,
}

/// What a call needs of the configuration: the limits of its input, when it is slow, whether it keeps prepared statements.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub(crate) batch_bytes: usize,
    pub(crate) settings_bytes: usize,
    pub(crate) slow_query: Option<Duration>,
    /// Whether prepared statements are kept for later calls.
    pub(crate) keeps_statements: bool,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        batch_bytes: 64 << 20,
        settings_bytes: 256 << 10,
        slow_query: Some(Duration::from_secs(1)),
        keeps_statements: true,
    };
}

/// Reads the configuration from the environment, as `init_db` does.
///
/// `POSTGRES_DSN`, else `DATABASE_URL`, is a whole connection string. Without them `POSTGRES_HOST` or `DB_HOST`
/// (`localhost`), `POSTGRES_PORT` or `DB_PORT` (5432), `POSTGRES_USER` or `DB_USER` (`postgres`), `POSTGRES_PASSWORD` or
/// `DB_PASSWORD` (`postgres`), and `POSTGRES_DB` or `DB_NAME` (`postgres`) are used, and `sslmode` is `prefer`.
/// `DB_MIGRATION_URL` is a connection string for migrations only: they must reach PostgreSQL directly, not through a
/// pooler. An empty variable counts as not set. The variables for timeouts, limits, slow calls and the size of the pool are
/// named at [`Config`]'s fields.
///
/// # Errors
/// [`ErrorKind::Config`] names the variable that is wrong.
pub fn get_config() -> Result<Config, Error> {
    Config::from_lookup(|variable| env::var_os(variable).map(|value| value.to_string_lossy().into_owned()))
}

impl Config {
    /// Reads the configuration from any source of variables; [`get_config`] uses the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the variable that is wrong.
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
        config.pool_max = variables.number_or("DB_POOL_MAX", config.pool_max)?;
        config.connect_timeout = variables.seconds("DB_CONNECT_TIMEOUT")?.unwrap_or(config.connect_timeout);
        config.acquire_timeout = variables.seconds("DB_ACQUIRE_TIMEOUT")?.unwrap_or(config.acquire_timeout);
        config.statement_timeout = variables.seconds_or_never("DB_STATEMENT_TIMEOUT", config.statement_timeout)?;
        config.idle_in_transaction_timeout =
            variables.seconds_or_never("DB_IDLE_IN_TRANSACTION_TIMEOUT", config.idle_in_transaction_timeout)?;
        config.max_lifetime = variables.seconds_or_never("DB_MAX_LIFETIME", config.max_lifetime)?;
        config.migration_timeout = variables.seconds_or_never("DB_MIGRATION_TIMEOUT", config.migration_timeout)?;
        config.max_batch_bytes = variables.number_or("DB_MAX_BATCH_BYTES", config.max_batch_bytes)?;
        config.max_settings_bytes = variables.number_or("DB_MAX_SETTINGS_BYTES", config.max_settings_bytes)?;
        if let Some((variable, text)) = variables.first(["DB_SLOW_QUERY_MS"]) {
            let milliseconds = number(variable, &text)?;
            config.slow_query = Some(Duration::from_millis(milliseconds)).filter(|limit| !limit.is_zero());
        }
        if let Some((variable, text)) = variables.first(["DB_PREPARED_STATEMENTS"]) {
            config.prepared_statements = text.parse().map_err(|reason| Error::config(variable, reason))?;
        }
        config.schema = variables.first(["DB_SCHEMA"]).map_or(config.schema, |(_, schema)| schema);
        config.check()?;
        Ok(config)
    }

    fn from_dsn(variable: &str, dsn: &str) -> Result<Self, Error> {
        if has_second_at(dsn) {
            return Err(Error::config(variable, NOT_ENCODED));
        }
        let (dsn, tls) = tls::take_parameters(dsn).map_err(|reason| Error::config(variable, reason))?;
        let server: tokio_postgres::Config =
            dsn.parse().map_err(|error| Error::config(variable, without_secrets(&error, &dsn)))?;
        if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
            return Err(Error::config(variable, "names no host"));
        }
        // If the only @ comes after the address, the parser took the address for the user.
        if server.get_user().is_some_and(|user| user.contains(['/', '?'])) {
            return Err(Error::config(variable, NOT_ENCODED));
        }
        Ok(Self::new(server, tls))
    }

    /// Refuses values that the pool or PostgreSQL cannot use: callers may set the fields to anything.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_CONNECTIONS).contains(&self.pool_max) {
            return Err(Error::config("DB_POOL_MAX", format!("must be from 1 to {MAX_CONNECTIONS}")));
        }
        if self.connect_timeout.is_zero() || self.connect_timeout > MAX_TIMEOUT {
            return Err(Error::config("DB_CONNECT_TIMEOUT", "must be more than 0 and at most 2147483 seconds"));
        }
        let durations = [
            ("DB_ACQUIRE_TIMEOUT", Some(self.acquire_timeout)),
            ("DB_STATEMENT_TIMEOUT", self.statement_timeout),
            ("DB_IDLE_IN_TRANSACTION_TIMEOUT", self.idle_in_transaction_timeout),
            ("DB_MAX_LIFETIME", self.max_lifetime),
            ("DB_MIGRATION_TIMEOUT", self.migration_timeout),
        ];
        if let Some((variable, _)) = durations.into_iter().find(|(_, duration)| *duration > Some(MAX_TIMEOUT)) {
            return Err(Error::config(variable, "must be at most 2147483 seconds"));
        }
        if self.max_batch_bytes > MAX_BATCH_BYTES {
            return Err(Error::config("DB_MAX_BATCH_BYTES", format!("must be at most {MAX_BATCH_BYTES}")));
        }
        self.check_schema()
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
            idle_in_transaction_timeout: Some(Duration::from_mins(1)),
            max_lifetime: Some(Duration::from_mins(30)),
            migration_timeout: Some(Duration::from_mins(5)),
            max_batch_bytes: Limits::DEFAULT.batch_bytes,
            max_settings_bytes: Limits::DEFAULT.settings_bytes,
            slow_query: Limits::DEFAULT.slow_query,
            prepared_statements: PreparedStatements::default(),
            schema: "public".to_owned(),
            pins_at_start: true,
            server,
            tls,
            migration: None,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            batch_bytes: self.max_batch_bytes,
            settings_bytes: self.max_settings_bytes,
            slow_query: self.slow_query,
            keeps_statements: self.prepared_statements != PreparedStatements::Off,
        }
    }

    /// How the connections are encrypted and the server is checked.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.tls.mode
    }
}

impl FromStr for Config {
    type Err = Error;

    /// Reads a connection string: a URL (`postgresql://user:password@host:port/database?sslmode=…`) or `key=value` pairs,
    /// as in libpq. Everything else has the fields' defaults.
    fn from_str(dsn: &str) -> Result<Self, Error> {
        Self::from_dsn("connection string", dsn)
    }
}

const NOT_ENCODED: &str = "@, / and ? in the user, the password or a parameter must be percent-encoded (%40, %2F, %3F)";

/// Whether it is a URL with a second @. A part of the password would be taken for a host or a parameter, and be shown.
fn has_second_at(dsn: &str) -> bool {
    ["postgresql://", "postgres://"].iter().any(|scheme| dsn.starts_with(scheme)) && dsn.matches('@').count() > 1
}

/// Why a connection string is not valid. An unknown option may be a part of an unquoted password or of a mistyped URL: then
/// its name is not shown.
fn without_secrets(error: &tokio_postgres::Error, dsn: &str) -> String {
    let message = crate::error::message(error);
    let Some((start, option)) = message.split_once("unknown option `") else { return message };
    let is_a_name = option.trim_end_matches('`').bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_a_name && !dsn.contains("password") {
        return message;
    }
    format!("{start}unknown option; put a password with spaces or & 'in quotes', or percent-encode it in a URL")
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// The first of the variables that is set and not empty.
    fn first<const N: usize>(&self, names: [&'static str; N]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| (self.0)(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
    }

    fn number_or<T: FromStr>(&self, name: &'static str, default: T) -> Result<T, Error> {
        self.first([name]).map_or(Ok(default), |(variable, text)| number(variable, &text))
    }

    /// A number of seconds, where 0 means never.
    fn seconds_or_never(&self, name: &'static str, default: Option<Duration>) -> Result<Option<Duration>, Error> {
        Ok(self.seconds(name)?.map_or(default, |timeout| Some(timeout).filter(|timeout| !timeout.is_zero())))
    }

    fn seconds(&self, name: &'static str) -> Result<Option<Duration>, Error> {
        let Some((_, text)) = self.first([name]) else { return Ok(None) };
        let seconds = text.trim().parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds.filter(|timeout| *timeout <= MAX_TIMEOUT) {
            Some(timeout) => Ok(Some(timeout)),
            None => Err(Error::config(name, format!("{text:?} is not a number of seconds from 0 to 2147483"))),
        }
    }
}

/// The value that is shown as this text.
fn by_name<T: Display, const N: usize>(all: [T; N], text: &str) -> Result<T, String> {
    let names = all.each_ref().map(ToString::to_string);
    let found = all.into_iter().zip(&names).find(|(_, name)| *name == text);
    found.map(|(value, _)| value).ok_or_else(|| format!("{text:?} is not one of {}", names.join(", ")))
}

fn number<T: FromStr>(variable: &str, text: &str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::config(variable, format!("{text:?} is not a number, or too large")))
}
