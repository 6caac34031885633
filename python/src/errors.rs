//! What went wrong, as an exception of `clip_saver_db.errors`.

use std::any::Any;
use std::sync::Arc;

use clip_saver_db::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Why a call has no answer.
pub enum Failure {
    /// The crate says so. Calls that wait for one connection share its error.
    Database(Arc<Error>),
    /// The package was not used as it must be.
    Interface(String),
    /// A mistake in this package.
    Panic(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<Arc<Error>> for Failure {
    fn from(error: Arc<Error>) -> Self {
        Self::Database(error)
    }
}

impl Failure {
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Self::Panic(format!("a mistake in clip_saver_db, please report it: {}", message.unwrap_or("a panic")))
    }

    /// The exception. The function's name is the one that Python called.
    pub fn into_exception(self, py: Python<'_>, function: &str) -> PyErr {
        let made = match self {
            Self::Database(error) => of_error(py, &error, function),
            Self::Interface(message) => {
                new(py, "InterfaceError", &format!("{function}: {message}"), &Attributes::of(function))
            }
            Self::Panic(message) => {
                new(py, "InternalError", &format!("{function}: {message}"), &Attributes::of(function))
            }
        };
        made.unwrap_or_else(|error| error)
    }
}

/// What an exception tells beside its message.
#[derive(Default)]
struct Attributes<'a> {
    function: Option<&'a str>,
    field: Option<&'a str>,
    sqlstate: Option<&'a str>,
    constraint_name: Option<&'a str>,
    is_retryable: bool,
    is_outcome_unknown: bool,
}

impl<'a> Attributes<'a> {
    fn of(function: &'a str) -> Self {
        Self { function: Some(function), ..Self::default() }
    }
}

fn of_error(py: Python<'_>, error: &Error, function: &str) -> PyResult<PyErr> {
    let attributes = Attributes {
        function: error.function().or(Some(function)),
        field: error.field(),
        sqlstate: error.sqlstate(),
        constraint_name: error.constraint(),
        is_retryable: error.is_retryable(),
        is_outcome_unknown: error.is_outcome_unknown(),
    };
    new(py, class_name(error), &error.to_string(), &attributes)
}

/// The class's name in `clip_saver_db.errors`.
fn class_name(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidId => "InvalidId",
        ErrorKind::InvalidInput => "InvalidInput",
        ErrorKind::UnreadableRow => "UnreadableRow",
        ErrorKind::UnreadableSettings => "UnreadableSettings",
        ErrorKind::UniqueViolation => "UniqueViolation",
        ErrorKind::ForeignKeyViolation => "ForeignKeyViolation",
        ErrorKind::CheckViolation => "CheckViolation",
        ErrorKind::NotNullViolation => "NotNullViolation",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::StaleStatement => "StaleStatement",
        ErrorKind::Canceled => "Canceled",
        ErrorKind::PoolTimeout => "PoolTimeout",
        ErrorKind::ConnectTimeout => "ConnectTimeout",
        ErrorKind::Closed => "Closed",
        ErrorKind::Connection => "ConnectionFailed",
        ErrorKind::OutcomeUnknown if error.is_retryable() => "RepeatableOutcomeUnknown",
        ErrorKind::OutcomeUnknown => "OutcomeUnknown",
        ErrorKind::ReadOnly => "ReadOnly",
        ErrorKind::Tls => "TlsFailed",
        ErrorKind::Password => "PasswordFailed",
        ErrorKind::TransactionAborted => "TransactionAborted",
        ErrorKind::Pooler => "UnsupportedPooler",
        ErrorKind::Config => "InvalidConfig",
        ErrorKind::Migration => "MigrationFailed",
        _ => class_of_state(error.sqlstate().unwrap_or_default()),
    }
}

/// PEP 249's class for a SQLSTATE. `PostgreSQL`'s manual lists the classes: its appendix "PostgreSQL Error Codes".
fn class_of_state(sqlstate: &str) -> &'static str {
    match sqlstate.get(..2).unwrap_or_default() {
        "0A" => "NotSupportedError",
        "22" => "DataError",
        "23" => "IntegrityError",
        "08" | "53" | "54" | "55" | "57" | "58" => "OperationalError",
        "26" | "34" | "42" | "3D" | "3F" => "ProgrammingError",
        "25" | "2D" | "XX" => "InternalError",
        _ => "DatabaseError",
    }
}

fn new(py: Python<'_>, class: &str, message: &str, attributes: &Attributes<'_>) -> PyResult<PyErr> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || py.import("clip_saver_db.errors").map(|module| module.into_any().unbind()))?;
    let Attributes { function, field, sqlstate, constraint_name, is_retryable, is_outcome_unknown } = *attributes;
    let arguments = (message, function, field, sqlstate, constraint_name, is_retryable, is_outcome_unknown);
    Ok(PyErr::from_value(module.bind(py).getattr(class)?.call1(arguments)?))
}

/// A text that is no id.
pub fn invalid_id(py: Python<'_>, function: &str, field: &str, reason: &str) -> PyErr {
    invalid(py, "InvalidId", function, field, reason)
}

/// A value that cannot be stored.
pub fn invalid_input(py: Python<'_>, function: &str, field: &str, reason: &str) -> PyErr {
    invalid(py, "InvalidInput", function, field, reason)
}

fn invalid(py: Python<'_>, class: &str, function: &str, field: &str, reason: &str) -> PyErr {
    let attributes = Attributes { field: Some(field), ..Attributes::of(function) };
    new(py, class, &format!("{function}: `{field}` {reason}"), &attributes).unwrap_or_else(|error| error)
}

/// A stored value that Python cannot hold.
pub fn unreadable(py: Python<'_>, reason: &str) -> PyErr {
    new(py, "UnreadableRow", reason, &Attributes::default()).unwrap_or_else(|error| error)
}

/// Whether a row cannot be read.
pub fn is_unreadable(py: Python<'_>, error: &PyErr) -> bool {
    error.get_type(py).name().is_ok_and(|name| name == "UnreadableRow")
}
