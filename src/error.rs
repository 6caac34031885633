//! The one error type: what went wrong, in which function, and the cause. `classify` decides, once, which kind an error of
//! PostgreSQL, the driver or the pool is.

mod classify;
mod kind;
mod poolers;
mod tls;

pub(crate) use classify::{SessionState, runs_again, session_state};
pub use kind::ErrorKind;

use std::error::Error as StdError;
use std::fmt::{self, Display};

use tokio_postgres::error::DbError;

/// What went wrong, in which function of this crate, and why.
///
/// Match on [`kind`](Self::kind). The message names the function, what happened, and what to do next. The error of the
/// database or the driver is the [`source`](StdError::source).
///
/// ```
/// use clip_saver_db::{ErrorKind, GuildId};
///
/// let error = "abc".parse::<GuildId>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidId);
/// assert!(error.to_string().starts_with("\"abc\" is not a valid GuildId"));
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

/// Boxed, so that a `Result` of a small value stays small.
struct Inner {
    kind: ErrorKind,
    function: Option<&'static str>,
    field: Option<String>,
    /// What is wrong, for kinds that need more than their fixed text.
    reason: String,
    /// Whether a call of unknown outcome may be repeated, or a password's source may work later.
    is_repeatable: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            function: None,
            field: None,
            reason: String::new(),
            is_repeatable: false,
            source: None,
        }))
    }

    pub(crate) fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = reason.into();
        self
    }

    /// Names the server that could not be reached.
    pub(crate) fn at_server(mut self, server: &impl Display) -> Self {
        if self.0.kind == ErrorKind::Connection {
            self.0.reason = format!("{} (at {server})", self.cause());
        }
        self
    }

    /// Says that it is a migration that failed.
    pub(crate) fn into_migration(mut self) -> Self {
        if self.0.kind != ErrorKind::Migration {
            self.0.reason = self.message();
            self.0.kind = ErrorKind::Migration;
        }
        self
    }

    /// Adds to what is wrong.
    pub(crate) fn and(mut self, reason: &str) -> Self {
        self.0.reason.push_str(reason);
        self
    }

    pub(crate) fn with_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Shows the first 64 characters of the text.
    pub(crate) fn invalid_id(name: &str, expected: &str, text: &str) -> Self {
        let text: String = text.chars().take(64).collect();
        Self::new(ErrorKind::InvalidId)
            .with_reason(format!("{text:?} is not a valid {name}: expected {expected}"))
            .with_field(name)
    }

    pub(crate) fn invalid_input(field: impl Into<String>, reason: impl Display) -> Self {
        Self::new(ErrorKind::InvalidInput).with_field(field).with_reason(reason.to_string())
    }

    pub(crate) fn unreadable_row(column: impl Into<String>, reason: impl Display) -> Self {
        Self::new(ErrorKind::UnreadableRow).with_field(column).with_reason(reason.to_string())
    }

    pub(crate) fn config(variable: impl Into<String>, reason: impl Display) -> Self {
        Self::new(ErrorKind::Config).with_field(variable).with_reason(reason.to_string())
    }

    pub(crate) fn migration(reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Migration).with_reason(reason)
    }

    pub(crate) fn pooler(reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Pooler).with_reason(reason)
    }

    /// The same call may succeed later.
    pub(crate) fn repeatable(mut self) -> Self {
        self.0.is_repeatable = true;
        self
    }

    /// Names the function that failed, unless an inner function is already named.
    pub(crate) fn in_function(mut self, name: &'static str) -> Self {
        self.0.function.get_or_insert(name);
        self
    }

    /// Names the element of a batch that the field belongs to.
    pub(crate) fn in_element(mut self, batch: &str, index: usize) -> Self {
        self.0.field = self.0.field.map(|field| format!("{batch}[{index}].{field}"));
        self
    }

    /// Whether it says only that the connection is gone, not why.
    pub(crate) fn lacks_close_reason(&self) -> bool {
        self.kind() == ErrorKind::Connection && self.report().is_none()
    }

    /// Turns the refusal of a write into the caller's error: their own statement made the transaction read-only.
    pub(crate) fn in_callers_settings(mut self) -> Self {
        if self.kind() == ErrorKind::ReadOnly {
            self.0.kind = ErrorKind::Database;
        }
        self
    }

    /// Turns a broken connection into an unknown outcome: a write had been sent.
    pub(crate) fn after_sending(mut self, is_repeatable: bool) -> Self {
        if self.kind() == ErrorKind::Connection {
            self.0.kind = ErrorKind::OutcomeUnknown;
            self.0.is_repeatable = is_repeatable;
        }
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The function of this crate that failed: a repository function, `transaction`, `init_db`, …
    #[must_use]
    pub fn function(&self) -> Option<&'static str> {
        self.0.function
    }

    /// What was wrong: the argument or field with its index in a batch, the stored column with its row, the settings' key,
    /// the configuration variable, or the type of an id.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// PostgreSQL's [five-character code](https://www.postgresql.org/docs/current/errcodes-appendix.html), if the
    /// database reported the error.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.report().map(|report| report.code().code())
    }

    /// The name of the violated constraint.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.report()?.constraint()
    }

    /// PostgreSQL's detail message. It may hold stored values: `Key (state)=(…) already exists.`
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.report()?.detail()
    }

    /// PostgreSQL's hint.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.report()?.hint()
    }

    fn report(&self) -> Option<&DbError> {
        causes(self).find_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()?.as_db_error())
    }

    /// Whether you may repeat the same call, and it may then succeed: nothing was stored, or storing it twice is the same as
    /// storing it once. If the database has run out of a resource (SQLSTATE class 53: a full disk), somebody must fix that
    /// first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Conflict
            | ErrorKind::StaleStatement
            | ErrorKind::Canceled
            | ErrorKind::PoolTimeout
            | ErrorKind::ConnectTimeout
            | ErrorKind::Connection
            | ErrorKind::ReadOnly => true,
            ErrorKind::OutcomeUnknown | ErrorKind::Password => self.0.is_repeatable,
            ErrorKind::Database => self.sqlstate().is_some_and(|code| code.starts_with("53")),
            _ => false,
        }
    }

    /// Whether the call may have been stored despite the error. After every other error of a write nothing was stored, with
    /// one exception: [`ErrorKind::UnreadableRow`] of a write that returns what it wrote.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind() == ErrorKind::OutcomeUnknown
    }

    /// What happened, without the function's name.
    fn message(&self) -> String {
        let Inner { kind, field, reason, is_repeatable, .. } = &*self.0;
        let field = field.as_deref().unwrap_or_default();
        let constraint = self.constraint().unwrap_or_default();
        match kind {
            ErrorKind::InvalidId | ErrorKind::Pooler | ErrorKind::Password => reason.clone(),
            ErrorKind::InvalidInput => format!("`{field}` {reason}"),
            ErrorKind::UnreadableRow => format!("cannot read the stored {field}: {reason}"),
            ErrorKind::UnreadableSettings if field.is_empty() => format!("cannot read the settings: {reason}"),
            ErrorKind::UnreadableSettings => format!("cannot read the settings under {field:?}: {reason}"),
            ErrorKind::UniqueViolation => format!("the key is taken (unique constraint {constraint})"),
            ErrorKind::ForeignKeyViolation => {
                format!("a row that this one refers to is missing (foreign key {constraint}); store that one first")
            }
            ErrorKind::CheckViolation => format!("a value is refused (check constraint {constraint})"),
            ErrorKind::NotNullViolation => format!("the column {field} must have a value"),
            ErrorKind::Conflict => "a conflict with a concurrent transaction; nothing was stored, try again".into(),
            ErrorKind::StaleStatement => {
                format!("a prepared statement has become useless; nothing was stored, try again: {}", self.cause())
            }
            ErrorKind::Canceled => format!("the statement was canceled: {}", self.cause()),
            ErrorKind::PoolTimeout => {
                "no connection became free in time; raise DB_POOL_MAX or DB_ACQUIRE_TIMEOUT, or find what holds them"
                    .into()
            }
            ErrorKind::ConnectTimeout => {
                "PostgreSQL did not answer in time; check that it runs and is reachable, or raise DB_CONNECT_TIMEOUT"
                    .into()
            }
            ErrorKind::Closed => "the database handle is closed".into(),
            ErrorKind::Connection if reason.is_empty() => {
                format!("no connection to PostgreSQL, nothing was stored: {}", self.cause())
            }
            ErrorKind::Connection => format!("no connection to PostgreSQL, nothing was stored: {reason}"),
            ErrorKind::OutcomeUnknown => format!(
                "the connection to PostgreSQL broke; it is unknown whether the call was stored: {}; {}",
                self.cause(),
                if *is_repeatable { "repeat the call" } else { "check what is stored before you repeat the call" }
            ),
            ErrorKind::ReadOnly => {
                "the server accepts no writes, nothing was stored; connect to the primary (name all hosts and add \
                 target_session_attrs=read-write)"
                    .into()
            }
            ErrorKind::Tls => format!("TLS with the server failed: {}", self.cause()),
            ErrorKind::TransactionAborted => {
                "an earlier statement of this transaction failed, so nothing was stored; let its error end the transaction"
                    .into()
            }
            ErrorKind::Database if self.report().is_some() => format!("{}{reason}{}", self.cause(), self.schema_advice()),
            ErrorKind::Database => self.cause(),
            ErrorKind::Config => format!("{field}: {reason}"),
            ErrorKind::Migration => format!("the database cannot be migrated: {reason}"),
        }
    }

    /// What to do if a function of this crate misses a table, a column, a type or a function of the database. `PostgreSQL` does not
    /// look into a schema without the right to use it.
    fn schema_advice(&self) -> &'static str {
        match self.sqlstate() {
            Some("42P01" | "42703" | "42704" | "42883") if self.function().is_some() => {
                "; check that this version's migrations have run, DB_SCHEMA, and the role's rights on that schema"
            }
            _ => "",
        }
    }

    /// The source's message, or the reason.
    fn cause(&self) -> String {
        match self.0.source.as_deref().and_then(|source| source.downcast_ref::<tokio_postgres::Error>()) {
            Some(source) => message(source),
            None => self.0.reason.clone(),
        }
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(function) = self.function() {
            write!(formatter, "{function}: ")?;
        }
        formatter.write_str(&self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, function, field, source, .. } = &*self.0;
        formatter
            .debug_struct("Error")
            .field("kind", kind)
            .field("function", function)
            .field("field", field)
            .field("message", &self.message())
            .field("source", source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// An error and the errors behind it.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// PostgreSQL's own message: tokio-postgres says only "db error".
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(report) => format!("{} (SQLSTATE {}{})", report.message(), report.code().code(), advice(report)),
        None => causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ") + tls::advice(error),
    }
}

/// Names the setting that ended a statement or a session.
fn advice(report: &DbError) -> &'static str {
    match report.code().code() {
        "25P03" => "; see DB_IDLE_IN_TRANSACTION_TIMEOUT",
        "57014" if report.message().contains("statement timeout") => "; see DB_STATEMENT_TIMEOUT",
        _ => "",
    }
}
