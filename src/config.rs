//! The configuration: where the database is, how long to wait for it, and how much of it to use. It is read from the
//! environment variables that the Python programs used, and from some new ones.

mod by_name;
mod environment;
pub(crate) mod hosts;
mod options;
mod parameters;
mod passfile;
pub(crate) mod password;
mod prepared_statements;
pub(crate) mod schema;
mod server;
pub(crate) mod sessions;
mod show;
pub(crate) mod target_session;
pub(crate) mod tls;

pub use prepared_statements::PreparedStatements;

use std::env;
use std::error::Error as StdError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use self::environment::{Variables, plain};
use self::password::{Source, provider};
use self::server::Server;
use self::tls::SslMode;
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
    pub(crate) server: Server,
    /// Where migrations connect to, if not to `server`: `DB_MIGRATION_URL`.
    pub(crate) migration: Option<Server>,
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
/// `DB_PASSWORD` (`postgres`), and `POSTGRES_DB` or `DB_NAME` (`postgres`) are used. libpq's `PGHOST`, `PGPORT`, `PGUSER`,
/// `PGDATABASE` come before these defaults; `PGSSLMODE` and others fill in what is not said elsewhere.
///
/// A connection string without a password takes it from `POSTGRES_PASSWORD` or `DB_PASSWORD`; or from the file that
/// `POSTGRES_PASSWORD_FILE` or `DB_PASSWORD_FILE` names, which is read again at each new connection; else from `PGPASSWORD`;
/// else from the password file (`PGPASSFILE`, `~/.pgpass`).
///
/// `DB_MIGRATION_URL` is a connection string for migrations only: they must reach PostgreSQL directly, not through a
/// pooler. If it names another user, its password is its own: in it, in the file that `DB_MIGRATION_PASSWORD_FILE` names, or
/// in the password file. White space and quotes around a value are removed, except around passwords. An empty variable
/// counts as not set. The variables for timeouts, limits, slow calls and the size of the pool are named at [`Config`]'s
/// fields.
///
/// # Errors
/// [`ErrorKind::Config`] names the variable that is wrong.
pub fn get_config() -> Result<Config, Error> {
    Config::from_lookup(|variable| env::var_os(variable))
}

impl Config {
    /// Reads the configuration from any source of variables; [`get_config`] uses the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the variable that is wrong.
    pub fn from_lookup<T: Into<OsString>>(lookup: impl Fn(&str) -> Option<T>) -> Result<Self, Error> {
        Variables(&|variable| lookup(variable).map(Into::into)).config()
    }

    /// Asks this function for the password at each new connection, also of migrations if they connect as the same user. For
    /// tokens that expire (IAM of RDS, Cloud SQL) and secrets that are replaced while the program runs. Open connections
    /// stay open.
    ///
    /// A provider has half of `connect_timeout` to answer, with several hosts half of each host's share. A provider that fails
    /// is treated as a server that is away: calls wait for the connections that are open. If there are none, it is asked
    /// again until `connect_timeout` is over, and then calls fail with [`ErrorKind::Password`]. The error shows the
    /// provider's: do not put the password into it. If the server refuses the password, the provider is asked once more.
    ///
    /// ```
    /// # async fn token() -> Result<String, std::io::Error> { Ok("secret".into()) }
    /// let config: clip_saver_db::Config = "postgresql://bot@db.example/clips".parse()?;
    /// let config = config.with_password_provider(|| async { token().await });
    /// assert!(config.to_string().contains("password=(provider)"));
    /// # Ok::<(), clip_saver_db::Error>(())
    /// ```
    #[must_use]
    pub fn with_password_provider<F, Answer, E>(self, ask: F) -> Self
    where
        F: Fn() -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.with_source(Source::Provider(provider(ask)))
    }

    /// The same from a file, as with `POSTGRES_PASSWORD_FILE`: the whole file is the password, without one line end.
    #[must_use]
    pub fn with_password_file(self, path: impl Into<PathBuf>) -> Self {
        self.with_source(Source::File(path.into()))
    }

    /// The password of the user that `DB_MIGRATION_URL` names. Has no effect without that variable.
    #[must_use]
    pub fn with_migration_password_provider<F, Answer, E>(mut self, ask: F) -> Self
    where
        F: Fn() -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        if let Some(migration) = &mut self.migration {
            migration.password.source = Source::Provider(provider(ask));
        }
        self
    }

    fn with_source(mut self, source: Source) -> Self {
        let user = self.server.session.get_user();
        if let Some(migration) = self.migration.as_mut().filter(|migration| migration.session.get_user() == user) {
            migration.password.source = source.clone();
        }
        self.server.password.source = source;
        self
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

    fn new(server: Server) -> Self {
        Self {
            pool_max: 10,
            connect_timeout: server.session.get_connect_timeout().copied().unwrap_or(Duration::from_secs(30)),
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
        self.server.tls.mode
    }
}

impl FromStr for Config {
    type Err = Error;

    /// Reads a connection string: a URL (`postgresql://user:password@host:port/database?sslmode=…`) or `key=value` pairs,
    /// as in libpq. A driver's name in the scheme (`postgresql+asyncpg`, `asyncpg`) is ignored. Everything else has the
    /// fields' defaults.
    fn from_str(dsn: &str) -> Result<Self, Error> {
        let server = Server::parse(plain(dsn)).map_err(|reason| Error::config("connection string", reason))?;
        Ok(Self::new(server))
    }
}
