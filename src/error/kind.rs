//! What can go wrong, as a value to match on.

use std::fmt;

/// What kind of failure an [`Error`](super::Error) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A text that is not a valid id. Nothing was sent to the database.
    InvalidId,
    /// A value that cannot be stored; [`field`](super::Error::field) names it. Nothing was sent to the database.
    InvalidInput,
    /// A stored value that this version cannot read; [`field`](super::Error::field) names the column and the row. Only a call
    /// that returns this one row fails: a list leaves the row out, counts it and logs a warning.
    /// [`get_unreadable_rows`](crate::repositories::get_unreadable_rows) returns all such rows, and `clip-db unreadable`
    /// shows and deletes them.
    UnreadableRow,
    /// Settings that are not of the requested type; [`field`](super::Error::field) names the top-level key, if one was
    /// asked for.
    UnreadableSettings,
    /// A row with this key exists (SQLSTATE 23505).
    UniqueViolation,
    /// A row that this one refers to is missing (SQLSTATE 23503). Store that one first.
    ForeignKeyViolation,
    /// A check constraint refused a value (SQLSTATE 23514).
    CheckViolation,
    /// A column must have a value (SQLSTATE 23502); [`field`](super::Error::field) names it.
    NotNullViolation,
    /// A conflict with a concurrent transaction (SQLSTATE 40001 or 40P01). Nothing was stored. A retry makes sense.
    Conflict,
    /// A prepared statement has become useless: the schema has changed under it (SQLSTATE 0A000), or a pooler has discarded it
    /// (26000). Nothing was stored. Calls on a [`Db`](crate::Db) and [`Db::transaction`](crate::Db::transaction) run again by
    /// themselves. Elsewhere repeat the call.
    StaleStatement,
    /// The server ended the statement (SQLSTATE 57014, 55P03): `DB_STATEMENT_TIMEOUT`, a lock timeout or an operator.
    Canceled,
    /// No connection of the pool became free in time.
    PoolTimeout,
    /// No connection could be opened in time.
    ConnectTimeout,
    /// `close_db` was called.
    Closed,
    /// The server cannot be reached, or the connection broke before anything could be stored. A retry makes sense.
    Connection,
    /// The connection broke after a write, or the commit of a transaction, was sent: all of it was stored, or nothing.
    OutcomeUnknown,
    /// The server accepts no writes (SQLSTATE 25006): it is a standby, or a primary that was just replaced. The next call
    /// opens a new connection. In a transaction that the caller's own SQL made read-only, the kind is `Database`.
    ReadOnly,
    /// The encrypted connection could not be set up: a certificate was refused, or the server has no TLS.
    Tls,
    /// The server asks for a password and none was given; or the source of the password (a file, or a provider) failed, and
    /// a retry makes sense.
    Password,
    /// An earlier statement of the transaction failed. Until the rollback PostgreSQL refuses every other statement, and a
    /// commit stores nothing.
    TransactionAborted,
    /// This crate cannot work behind the pooler (such as `PgBouncer`) that is between program and server.
    Pooler,
    /// Any other error that the database reported.
    Database,
    /// The configuration is wrong; [`field`](super::Error::field) names the variable.
    Config,
    /// The schema could not be brought up to date.
    Migration,
}

impl ErrorKind {
    /// Whether a transaction that failed with it runs again.
    pub(crate) const fn runs_again(self) -> bool {
        matches!(self, Self::Conflict | Self::StaleStatement)
    }

    /// The name in logs and metrics: the attribute `error.type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidId => "invalid_id",
            Self::InvalidInput => "invalid_input",
            Self::UnreadableRow => "unreadable_row",
            Self::UnreadableSettings => "unreadable_settings",
            Self::UniqueViolation => "unique_violation",
            Self::ForeignKeyViolation => "foreign_key_violation",
            Self::CheckViolation => "check_violation",
            Self::NotNullViolation => "not_null_violation",
            Self::Conflict => "conflict",
            Self::StaleStatement => "stale_statement",
            Self::Canceled => "canceled",
            Self::PoolTimeout => "pool_timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::Closed => "closed",
            Self::Connection => "connection",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::ReadOnly => "read_only",
            Self::Tls => "tls",
            Self::Password => "password",
            Self::TransactionAborted => "transaction_aborted",
            Self::Pooler => "pooler",
            Self::Database => "database",
            Self::Config => "config",
            Self::Migration => "migration",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
