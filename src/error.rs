//! The one error type. What PostgreSQL reports is classified in `classify`, once, by SQLSTATE.

mod classify;
mod kind;

pub(crate) use classify::{Fate, fate, may_come_back};

use std::error::Error as StdError;
use std::fmt::Display;

use tokio_postgres::error::{DbError, SqlState};

use crate::session::Session;

/// What can go wrong. `function` is the name of the repository function (or of `transaction`, `init_db`, …) that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no id; nothing was sent to the database.
    #[error("{text:?} is no {kind}: expected {}", expected(kind))]
    InvalidId {
        /// The name of the id's type.
        kind: &'static str,
        /// The refused text, cut after 64 characters.
        text: String,
    },
    /// A value that cannot be stored; nothing was sent to the database.
    #[error("{}`{field}` {reason}", within(function))]
    InvalidInput {
        /// The function that refused it.
        function: &'static str,
        /// The argument or field, with its place in a batch.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored value that this version cannot read. A list fails as a whole; other rows can still be read one by one, or
    /// streamed with `queries`. The row can be mended by hand.
    #[error("{}cannot read the stored {column}: {reason}", within(function))]
    UnreadableRow {
        /// The function that read it.
        function: &'static str,
        /// The column, with the row where it is known.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Settings that are not of the type that was asked for.
    #[error("cannot read the settings{}: {source}", key.as_ref().map(|key| format!(" under {key:?}")).unwrap_or_default())]
    UnreadableSettings {
        /// The top-level key; `None` for the whole value.
        key: Option<String>,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A row with this key exists (SQLSTATE 23505).
    #[error("{}the key is taken (unique constraint {constraint})", within(function))]
    UniqueViolation {
        /// The function that failed.
        function: &'static str,
        /// The constraint's name.
        constraint: String,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// A row that this one refers to is missing (SQLSTATE 23503): write that one first.
    #[error(
        "{}a row that this one refers to is missing (foreign key {constraint}); store that one first",
        within(function)
    )]
    ForeignKeyViolation {
        /// The function that failed.
        function: &'static str,
        /// The constraint's name.
        constraint: String,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// A check constraint refused a value (SQLSTATE 23514).
    #[error("{}a value is refused (check constraint {constraint})", within(function))]
    CheckViolation {
        /// The function that failed.
        function: &'static str,
        /// The constraint's name.
        constraint: String,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// A column must have a value (SQLSTATE 23502).
    #[error("{}the column {column} must have a value", within(function))]
    NotNullViolation {
        /// The function that failed.
        function: &'static str,
        /// The column's name.
        column: String,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// A concurrent transaction was in the way (SQLSTATE 40001 or 40P01); nothing was stored. A retry makes sense.
    #[error("{}a concurrent transaction was in the way; nothing was stored, try again", within(function))]
    Conflict {
        /// The function that failed.
        function: &'static str,
        /// PostgreSQL's report: serialization failure or deadlock.
        source: tokio_postgres::Error,
    },
    /// The server ended the statement: `DB_STATEMENT_TIMEOUT`, a lock timeout or an operator (SQLSTATE 57014, 55P03).
    #[error("{}the statement was canceled: {}", within(function), message(source))]
    Canceled {
        /// The function that failed.
        function: &'static str,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// No connection of the pool came free in time.
    #[error(
        "{}no connection came free in time; raise DB_POOL_MAX or DB_ACQUIRE_TIMEOUT, or find what holds them",
        within(function)
    )]
    PoolTimeout {
        /// The function that failed.
        function: &'static str,
    },
    /// No connection could be made in time.
    #[error(
        "{}PostgreSQL did not answer in time; see that it runs and can be reached, or raise DB_CONNECT_TIMEOUT",
        within(function)
    )]
    ConnectTimeout {
        /// The function that failed.
        function: &'static str,
    },
    /// `close_db` was called.
    #[error("{}the database handle is closed", within(function))]
    Closed {
        /// The function that failed.
        function: &'static str,
    },
    /// The server cannot be reached, or the connection broke before anything could be stored. A retry makes sense.
    #[error("{}no connection to PostgreSQL, nothing was stored: {}", within(function), message(source))]
    Connection {
        /// The function that failed.
        function: &'static str,
        /// What happened.
        source: tokio_postgres::Error,
    },
    /// The connection broke when a write, or the commit of a transaction, was on its way: all of it was stored, or nothing.
    #[error(
        "{}the connection to PostgreSQL broke, and whether this was stored is unknown: {}; {}",
        within(function), message(source),
        if *is_repeatable { "make the call again" } else { "see what is stored before you make the call again" }
    )]
    OutcomeUnknown {
        /// The function that failed.
        function: &'static str,
        /// Whether the same call may be made again: the function is idempotent.
        is_repeatable: bool,
        /// What happened.
        source: tokio_postgres::Error,
    },
    /// The server takes no writes (SQLSTATE 25006): a standby, or a primary that has just been replaced. The next call
    /// connects anew.
    #[error(
        "{}the server takes no writes, nothing was stored; connect to the primary (name all hosts and add \
         target_session_attrs=read-write)",
        within(function)
    )]
    ReadOnly {
        /// The function that failed.
        function: &'static str,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// The encrypted connection could not be set up: certificates, or a server without TLS.
    #[error("{}no TLS with the server: {}; see sslmode and sslrootcert", within(function), message(source))]
    Tls {
        /// The function that failed.
        function: &'static str,
        /// What happened.
        source: tokio_postgres::Error,
    },
    /// An earlier statement of the transaction failed: until it is rolled back, PostgreSQL refuses every other, and a commit
    /// stores nothing.
    #[error(
        "{}an earlier statement of this transaction had failed, so nothing was stored; pass its error on with `?`",
        within(function)
    )]
    TransactionAborted {
        /// The function that failed.
        function: &'static str,
    },
    /// `PgBouncer`, or another pooler, is in between, and does not let this crate work.
    #[error("{}{reason}", within(function))]
    Pooler {
        /// The function that failed.
        function: &'static str,
        /// What stands in the way, and what to do.
        reason: String,
    },
    /// Any other report of the database.
    #[error("{}{}", within(function), message(source))]
    Database {
        /// The function that failed.
        function: &'static str,
        /// PostgreSQL's report.
        source: tokio_postgres::Error,
    },
    /// The configuration is wrong.
    #[error("{variable}: {reason}")]
    Config {
        /// The environment variable, or the part of the connection string.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The schema could not be brought up to date.
    #[error("migrating the database: {reason}")]
    Migration {
        /// What stands in the way, and what to do.
        reason: String,
        /// The cause, where there is one.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

/// The field `function` of an error, by reference or by mutable reference.
macro_rules! function_of {
    ($error:expr) => {
        match $error {
            Self::InvalidInput { function, .. }
            | Self::UnreadableRow { function, .. }
            | Self::UniqueViolation { function, .. }
            | Self::ForeignKeyViolation { function, .. }
            | Self::CheckViolation { function, .. }
            | Self::NotNullViolation { function, .. }
            | Self::Conflict { function, .. }
            | Self::Canceled { function, .. }
            | Self::PoolTimeout { function }
            | Self::ConnectTimeout { function }
            | Self::Closed { function }
            | Self::Connection { function, .. }
            | Self::OutcomeUnknown { function, .. }
            | Self::ReadOnly { function, .. }
            | Self::TransactionAborted { function }
            | Self::Tls { function, .. }
            | Self::Pooler { function, .. }
            | Self::Database { function, .. } => Some(function),
            Self::InvalidId { .. } | Self::UnreadableSettings { .. } | Self::Config { .. } | Self::Migration { .. } => {
                None
            }
        }
    };
}

impl Error {
    pub(crate) fn invalid_id(kind: &'static str, text: &str) -> Self {
        Self::InvalidId { kind, text: text.chars().take(64).collect() }
    }

    pub(crate) fn invalid_input(field: impl Into<String>, reason: impl Display) -> Self {
        Self::InvalidInput { function: "", field: field.into(), reason: reason.to_string() }
    }

    pub(crate) fn unreadable_row(column: String, reason: impl Display) -> Self {
        Self::UnreadableRow { function: "", column, reason: reason.to_string() }
    }

    pub(crate) fn config(variable: impl Into<String>, reason: impl Display) -> Self {
        Self::Config { variable: variable.into(), reason: reason.to_string() }
    }

    pub(crate) fn migration(reason: impl Into<String>) -> Self {
        Self::Migration { reason: reason.into(), source: None }
    }

    pub(crate) fn pooler(reason: impl Into<String>) -> Self {
        Self::Pooler { function: "", reason: reason.into() }
    }

    /// Names the function that failed, unless one below it is named already.
    pub(crate) fn in_function(mut self, name: &'static str) -> Self {
        if let Some(function) = self.function_mut().filter(|function| function.is_empty()) {
            *function = name;
        }
        self
    }

    fn function_mut(&mut self) -> Option<&mut &'static str> {
        function_of!(self)
    }

    /// The repository function that failed; `None` where there was none.
    #[must_use]
    pub fn function(&self) -> Option<&'static str> {
        function_of!(self).copied().filter(|function| !function.is_empty())
    }

    /// PostgreSQL's [five-character code](https://www.postgresql.org/docs/current/errcodes-appendix.html), if the
    /// database reported the error.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        causes(self).find_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()?.code()).map(SqlState::code)
    }

    /// The name of the violated constraint.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::UniqueViolation { constraint, .. }
            | Self::ForeignKeyViolation { constraint, .. }
            | Self::CheckViolation { constraint, .. } => Some(constraint),
            _ => None,
        }
    }

    /// Whether the same call may be made again, and may succeed then: nothing was stored, or storing it twice is the same as
    /// once. Where the database is out of something (SQLSTATE class 53: a full disk), not before somebody has seen to it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Canceled { .. }
            | Self::PoolTimeout { .. }
            | Self::ConnectTimeout { .. }
            | Self::Connection { .. }
            | Self::ReadOnly { .. } => true,
            Self::OutcomeUnknown { is_repeatable, .. } => *is_repeatable,
            Self::Database { .. } => self.sqlstate().is_some_and(|code| code.starts_with("53")),
            _ => false,
        }
    }

    /// Whether the call may have been stored nevertheless. With every other error of a write nothing was, but for an
    /// [`Error::UnreadableRow`] of one that returns what it wrote.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// With what the connection has ended by, where the error itself only says that it has.
    pub(crate) fn with_last_words(mut self, session: Option<&Session>) -> Self {
        if let Self::Connection { source, .. } = &mut self
            && source.as_db_error().is_none()
            && let Some(last_words) = session.and_then(Session::last_words)
        {
            *source = last_words;
        }
        self
    }

    /// What a broken connection means if a write was on its way.
    pub(crate) fn after_sending(self, is_repeatable: bool) -> Self {
        match self {
            Self::Connection { function, source } => Self::OutcomeUnknown { function, is_repeatable, source },
            other => other,
        }
    }
}

/// An error and what lies behind it.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What happened, in PostgreSQL's words: tokio-postgres itself says only "db error".
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(report) => format!("{} (SQLSTATE {}{})", report.message(), report.code().code(), advice(report)),
        None => causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}

/// Which limit of this program it was, if it was one.
fn advice(report: &DbError) -> &'static str {
    match report.code().code() {
        "25P03" => "; see DB_IDLE_IN_TRANSACTION_TIMEOUT",
        "57014" if report.message().contains("statement timeout") => "; see DB_STATEMENT_TIMEOUT",
        _ => "",
    }
}

/// What a message begins with: the function, if the error came out of one.
fn within(function: &str) -> String {
    if function.is_empty() { String::new() } else { format!("{function}: ") }
}

fn expected(kind: &str) -> &'static str {
    if kind == "ScanRunId" { "a uuid" } else { "a Discord snowflake, 1 to 20 decimal digits, at most 64 bits" }
}
