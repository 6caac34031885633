//! What kind of error a report of the database, of the driver or of the pool is.

use std::io::{self, ErrorKind};

use deadpool::managed::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::{Error, causes, message};

impl From<tokio_postgres::Error> for Error {
    /// Of a statement; what comes out of connecting is `Error::connecting`.
    fn from(source: tokio_postgres::Error) -> Self {
        let function = "";
        let Some(report) = source.as_db_error() else {
            return without_report(source);
        };
        let constraint = report.constraint().unwrap_or_default().to_owned();
        let code = report.code();
        if is_fatal(report) || ends_connection(code) {
            Self::Connection { function, source }
        } else if *code == SqlState::UNIQUE_VIOLATION {
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
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            Self::ReadOnly { function, source }
        } else if *code == SqlState::IN_FAILED_SQL_TRANSACTION {
            Self::TransactionAborted { function }
        } else {
            Self::Database { function, source }
        }
    }
}

impl Error {
    /// What came out of connecting: every refusal ends the connection, and most are for good (a wrong password, an unknown
    /// database, PgBouncer and start-up options).
    pub(crate) fn connecting(source: tokio_postgres::Error) -> Self {
        let function = "";
        match source.code() {
            Some(code) if *code == SqlState::PROTOCOL_VIOLATION && is_refused_option(&source) => Self::pooler(format!(
                "{}: PgBouncer refuses the options that connections start with. Connect to PostgreSQL itself; or set \
                 DB_STATEMENT_TIMEOUT=0 and DB_IDLE_IN_TRANSACTION_TIMEOUT=0, and name no options in the connection string; \
                 or let PgBouncer ignore them (ignore_startup_parameters = options)",
                message(&source)
            )),
            Some(code) if ends_connection(code) => Self::Connection { function, source },
            Some(_) => Self::Database { function, source },
            None => without_report(source),
        }
    }
}

/// PgBouncer's words for what it does not know in the start-up packet; PostgreSQL has none like them.
fn is_refused_option(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|report| report.message().contains("startup parameter"))
}

/// Whether another attempt to connect may succeed: the server is away or starting, full, or a standby where a primary is
/// asked for.
pub(crate) fn may_come_back(error: &tokio_postgres::Error) -> bool {
    error.code().map_or_else(|| is_of_the_connection(error), ends_connection)
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

/// The server ends the session with such a report, whatever it says.
fn is_fatal(report: &DbError) -> bool {
    matches!(report.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// What an error of a statement means for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The next statement may succeed.
    Usable,
    /// Its prepared statements are useless, because the schema has changed under them (0A000) or somebody has discarded
    /// them (26000). The statement was not run.
    Useless,
    /// The server takes no writes (25006): it was a primary, and is none any more.
    ReadOnly,
    /// The connection is gone.
    Broken,
}

pub(crate) fn fate(error: &tokio_postgres::Error) -> Fate {
    let useless = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME];
    match error.as_db_error() {
        Some(report) if is_fatal(report) || ends_connection(report.code()) => Fate::Broken,
        Some(report) if useless.contains(report.code()) => Fate::Useless,
        Some(report) if *report.code() == SqlState::READ_ONLY_SQL_TRANSACTION => Fate::ReadOnly,
        None if is_of_the_connection(error) => Fate::Broken,
        _ => Fate::Usable,
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
    if text == "error encoding message to server" {
        return Error::invalid_input("parameters", format!("are too large for one statement: {}", message(&source)));
    }
    if is_of_the_connection(&source) {
        Error::Connection { function, source }
    } else if text == TLS {
        Error::Tls { function, source }
    } else {
        Error::Database { function, source }
    }
}

const TLS: &str = "error performing TLS handshake";

fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    if text == TLS {
        return causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_hang_up);
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

/// A server that is killed in the middle of a handshake; what is wrong with a certificate is told in another kind.
fn is_hang_up(error: &io::Error) -> bool {
    let kinds =
        [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe];
    kinds.contains(&error.kind())
}

impl From<PoolError<tokio_postgres::Error>> for Error {
    fn from(error: PoolError<tokio_postgres::Error>) -> Self {
        let function = "";
        match error {
            PoolError::Backend(source) => Self::connecting(source),
            PoolError::Timeout(TimeoutType::Create) => Self::ConnectTimeout { function },
            PoolError::Timeout(_) => Self::PoolTimeout { function },
            // The two others can't happen: the pool has a runtime, and its hooks are infallible.
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Closed { function }
            }
        }
    }
}
