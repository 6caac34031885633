//! Decides which kind an error of the database, the driver or the pool is.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::WrongType;

use super::poolers::{has_no_session, is_a_poolers, is_fatal, may_accept_later, refuses_options};
use super::{Error, ErrorKind, causes, message, tls};

impl From<tokio_postgres::Error> for Error {
    /// Classifies the error of a statement. For an error of connecting use `Error::connecting`.
    fn from(source: tokio_postgres::Error) -> Self {
        let Some(report) = source.as_db_error() else {
            return without_report(source);
        };
        let error = Self::new(kind(report));
        match report.column() {
            Some(column) if error.kind() == ErrorKind::NotNullViolation => error.with_field(column),
            _ => error,
        }
        .with_source(source)
    }
}

fn kind(report: &DbError) -> ErrorKind {
    if is_fatal(report) {
        return ErrorKind::Connection;
    }
    match report.code() {
        code if ends_connection(code) => ErrorKind::Connection,
        _ if is_stale(report) => ErrorKind::StaleStatement,
        code if *code == SqlState::UNIQUE_VIOLATION => ErrorKind::UniqueViolation,
        code if *code == SqlState::FOREIGN_KEY_VIOLATION => ErrorKind::ForeignKeyViolation,
        code if *code == SqlState::CHECK_VIOLATION => ErrorKind::CheckViolation,
        code if *code == SqlState::NOT_NULL_VIOLATION => ErrorKind::NotNullViolation,
        code if *code == SqlState::T_R_SERIALIZATION_FAILURE => ErrorKind::Conflict,
        code if *code == SqlState::T_R_DEADLOCK_DETECTED => ErrorKind::Conflict,
        code if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE => ErrorKind::Canceled,
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => ErrorKind::ReadOnly,
        code if *code == SqlState::IN_FAILED_SQL_TRANSACTION => ErrorKind::TransactionAborted,
        _ => ErrorKind::Database,
    }
}

impl Error {
    /// Classifies an error of connecting. Every refusal ends the connection, and most are final: a wrong password, an
    /// unknown database, start-up options that a pooler refuses.
    pub(crate) fn connecting(source: tokio_postgres::Error) -> Self {
        match source.as_db_error() {
            Some(report) if refuses_options(report) => Self::pooler(format!(
                "{}: PgBouncer refuses start-up options. Connect to PostgreSQL directly; or set DB_STATEMENT_TIMEOUT=0 and \
                 DB_IDLE_IN_TRANSACTION_TIMEOUT=0, and name no options in the connection string; or let PgBouncer ignore \
                 them (ignore_startup_parameters = options)",
                message(&source)
            )),
            Some(report) if ends_connection(report.code()) || may_accept_later(report) => {
                Self::new(ErrorKind::Connection).with_source(source)
            }
            Some(_) => Self::new(ErrorKind::Database).with_source(source),
            None if message(&source).ends_with("password missing") => {
                Self::new(ErrorKind::Password).with_source(source)
            }
            None if tls::alert(&source).is_some() => Self::new(ErrorKind::Tls).with_source(source),
            None => without_report(source),
        }
    }

    /// Whether the server itself has no room for one more connection. What a pooler says so about is unknown.
    pub(crate) fn is_full(&self) -> bool {
        let is_full = |report: &DbError| *report.code() == SqlState::TOO_MANY_CONNECTIONS && !is_a_poolers(report);
        self.report().is_some_and(is_full)
    }

    /// Whether the server refused to open a session: by `pg_hba.conf` or a password, or as `PgBouncer` does without TLS.
    pub(crate) fn refuses_session(&self) -> bool {
        let is_refusal = |code: &str| code.starts_with("28") || code == SqlState::PROTOCOL_VIOLATION.code();
        self.kind() == ErrorKind::Database && self.sqlstate().is_some_and(is_refusal)
    }

    /// Whether `pg_hba.conf` refuses this kind of connection: before the server asks for a password.
    pub(crate) fn refuses_connection(&self) -> bool {
        self.report().is_some_and(|report| {
            *report.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                && report.routine() == Some("ClientAuthentication")
        })
    }

    /// Whether another attempt to connect may succeed: the server is unreachable, starting or full, it is a standby and the
    /// configuration asks for a primary, or the password's source has failed.
    pub(crate) fn may_come_back(&self) -> bool {
        self.kind() == ErrorKind::Connection || self.kind() == ErrorKind::Password && self.is_retryable()
    }

    /// Whether the server has refused the user or the password (SQLSTATE class 28).
    pub(crate) fn is_refused_login(&self) -> bool {
        self.sqlstate().is_some_and(|code| code.starts_with("28")) && !self.refuses_connection()
    }
}

/// Class 08 (except 08P01, which poolers say of almost every failure), too many connections, a server that is
/// shutting down, crashed or starting, and a session that the server ended because it was idle.
fn ends_connection(code: &SqlState) -> bool {
    let ends = [
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    ends.contains(code) || (code.code().starts_with("08") && *code != SqlState::PROTOCOL_VIOLATION)
}

/// Whether a prepared statement has become useless, because the schema has changed under it or somebody has discarded it. It
/// was not run. The other errors with the code of the former are about unsupported features.
fn is_stale(report: &DbError) -> bool {
    let is_discarded = *report.code() == SqlState::INVALID_SQL_STATEMENT_NAME;
    is_discarded || is_outdated(report)
}

/// "cached plan must not change result type": the text is translated, the routine's name is not.
fn is_outdated(report: &DbError) -> bool {
    *report.code() == SqlState::FEATURE_NOT_SUPPORTED && report.routine() == Some("RevalidateCachedQuery")
}

/// Whether a transaction in which a statement failed so runs again.
pub(crate) fn runs_again(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|report| kind(report).runs_again())
}

/// What an error of a statement means for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// The next statement may succeed.
    Usable,
    /// Its prepared statements were discarded. The statement was not run.
    Discarded,
    /// The schema has changed under the prepared statements of all sessions. The statement was not run.
    Outdated,
    /// The server accepts no writes (25006).
    ReadOnly,
    /// A pooler has closed the connection before it sent the statement to the server.
    Refused,
    /// The connection is gone.
    Broken,
}

pub(crate) fn session_state(error: &tokio_postgres::Error) -> SessionState {
    match error.as_db_error() {
        Some(report) if has_no_session(report) => SessionState::Refused,
        Some(report) if is_fatal(report) || ends_connection(report.code()) => SessionState::Broken,
        Some(report) if is_outdated(report) => SessionState::Outdated,
        Some(report) if is_stale(report) => SessionState::Discarded,
        Some(report) if *report.code() == SqlState::READ_ONLY_SQL_TRANSACTION => SessionState::ReadOnly,
        None if is_connection_error(error) => SessionState::Broken,
        _ => SessionState::Usable,
    }
}

/// Classifies an error that the database did not report. tokio-postgres tells its kind only in the text.
fn without_report(source: tokio_postgres::Error) -> Error {
    let text = source.to_string();
    if let Some(column) = text.strip_prefix("error deserializing column ")
        && !is_schema_error(&source)
    {
        return Error::unreadable_row(format!("column {column}"), message(&source));
    }
    if let Some(parameter) = text.strip_prefix("error serializing parameter ") {
        return Error::invalid_input(format!("parameter {parameter}"), message(&source));
    }
    if text == "error encoding message to server" {
        return Error::invalid_input("parameters", format!("are too large for one statement: {}", message(&source)));
    }
    let kind = if is_connection_error(&source) {
        ErrorKind::Connection
    } else if text == TLS_HANDSHAKE {
        ErrorKind::Tls
    } else {
        ErrorKind::Database
    };
    Error::new(kind).with_source(source)
}

/// Whether a column has a type that this version does not expect: then no row can be read.
fn is_schema_error(error: &tokio_postgres::Error) -> bool {
    causes(error).any(<dyn StdError>::is::<WrongType>)
}

const TLS_HANDSHAKE: &str = "error performing TLS handshake";

fn is_connection_error(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    if text == TLS_HANDSHAKE {
        return causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_disconnect);
    }
    matches!(
        text.as_str(),
        "connection closed"
            | "error communicating with the server"
            | "error connecting to server"
            | "timeout waiting for server"
            | "unexpected message from server"
            | "error parsing response from server"
    )
}

/// The server was killed during the handshake. Errors about a certificate have other kinds.
fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kinds = [UnexpectedEof, ConnectionReset, ConnectionAborted, BrokenPipe];
    kinds.contains(&error.kind())
}
