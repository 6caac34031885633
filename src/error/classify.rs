//! What kind of error a report of the database, of the driver or of the pool is.

use std::error::Error as StdError;
use std::io;

use deadpool::managed::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use super::{Error, message};

impl From<tokio_postgres::Error> for Error {
    fn from(source: tokio_postgres::Error) -> Self {
        let function = "";
        let Some(report) = source.as_db_error() else {
            return without_report(source);
        };
        let constraint = report.constraint().unwrap_or_default().to_owned();
        let code = report.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            Self::UniqueViolation { function, constraint, source }
        } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
            Self::ForeignKeyViolation { function, constraint, source }
        } else if *code == SqlState::CHECK_VIOLATION {
            Self::CheckViolation { function, constraint, source }
        } else if *code == SqlState::NOT_NULL_VIOLATION {
            Self::NotNullViolation { function, column: report.column().unwrap_or_default().to_owned(), source }
        } else if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            Self::Conflict { function, source }
        } else if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
            Self::Canceled { function, source }
        } else if *code == SqlState::IN_FAILED_SQL_TRANSACTION {
            Self::TransactionAborted { function }
        } else if is_refused_option(report) {
            Self::pooler(format!(
                "{}: PgBouncer refuses the options that connections start with. Connect to PostgreSQL itself; or set \
                 DB_STATEMENT_TIMEOUT=0 and name no options in the connection string; or let PgBouncer ignore them \
                 (ignore_startup_parameters = options)",
                message(&source)
            ))
        } else if ends_connection(code) {
            Self::Connection { function, source }
        } else {
            Self::Database { function, source }
        }
    }
}

/// PgBouncer's words for what it does not know in the start-up packet; PostgreSQL has none like them.
fn is_refused_option(report: &DbError) -> bool {
    *report.code() == SqlState::PROTOCOL_VIOLATION && report.message().contains("startup parameter")
}

/// Class 08 (but for 08P01, a refusal for good: `PgBouncer` and start-up options), too many connections, a server that is
/// shutting down, crashed or starting, and a session that the server has ended because it did nothing.
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

/// Whether every later call on that session would fail too: it broke, or its prepared statements are useless, because the
/// schema has changed under them (0A000) or somebody has discarded them (26000).
pub(crate) fn ends_session(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            let useless = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME];
            useless.contains(code) || ends_connection(code)
        }
        None => error.is_closed() || error.source().is_some_and(<dyn StdError>::is::<io::Error>),
    }
}

/// An error that the database did not report. tokio-postgres keeps its kind to itself, but for the text.
fn without_report(source: tokio_postgres::Error) -> Error {
    let function = "";
    let text = source.to_string();
    if let Some(column) = text.strip_prefix("error deserializing column ") {
        return Error::unreadable_row(format!("column {column}"), message(&source));
    }
    if let Some(parameter) = text.strip_prefix("error serializing parameter ") {
        return Error::invalid_input(format!("parameter {parameter}"), message(&source));
    }
    match text.as_str() {
        "error performing TLS handshake" => Error::Tls { function, source },
        "connection closed"
        | "error communicating with the server"
        | "error connecting to server"
        | "timeout waiting for server"
        | "unexpected message from server" => Error::Connection { function, source },
        _ => Error::Database { function, source },
    }
}

impl From<PoolError<tokio_postgres::Error>> for Error {
    fn from(error: PoolError<tokio_postgres::Error>) -> Self {
        let function = "";
        match error {
            PoolError::Backend(source) => source.into(),
            PoolError::Timeout(TimeoutType::Create) => Self::ConnectTimeout { function },
            PoolError::Timeout(_) => Self::PoolTimeout { function },
            // The two others can't happen: the pool has a runtime, and its hooks are infallible.
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Closed { function }
            }
        }
    }
}
