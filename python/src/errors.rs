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
#[derive(Clone, Copy, Default)]
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
    let (field, message) = in_python(error);
    let attributes = Attributes {
        function: error.function().or(Some(function)),
        field: field.as_deref(),
        sqlstate: error.sqlstate(),
        constraint_name: error.constraint(),
        is_retryable: error.is_retryable(),
        is_outcome_unknown: error.is_outcome_unknown(),
    };
    new(py, class_name(error), &message, &attributes)
}

/// The error's field and message, with the names of Python's arguments.
fn in_python(error: &Error) -> (Option<String>, String) {
    let message = error.to_string();
    match (error.kind(), error.field()) {
        (ErrorKind::InvalidInput, Some(field)) => {
            let place = place(error.function().unwrap_or_default(), field);
            let message = message.replacen(&format!("`{field}`"), &format!("`{place}`"), 1);
            (Some(place), message)
        }
        (_, field) => (field.map(str::to_owned), message),
    }
}

/// Where Python has what the crate's function has under this name.
fn place(function: &str, field: &str) -> String {
    let field = match field {
        "patch" => "values".to_owned(),
        "grace" | "lease" | "lifetime" | "older_than" | "within" => format!("{field}_seconds"),
        _ => field.replace(".kind", ".type"),
    };
    match function {
        "sync_guild" => format!("guild.{field}"),
        "upsert_user" => format!("user.{field}"),
        "record_live_messages" | "record_scan_page" if field != "since" => format!("page.{field}"),
        _ => field,
    }
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
        "28" => "PasswordFailed",
        "08" | "3D" | "53" | "54" | "55" | "57" | "58" => "OperationalError",
        "26" | "34" | "42" | "3F" => "ProgrammingError",
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

/// A text that is not a valid id.
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
    unreadable_in(py, reason, &Attributes::default())
}

fn unreadable_in(py: Python<'_>, message: &str, attributes: &Attributes<'_>) -> PyErr {
    new(py, "UnreadableRow", message, attributes).unwrap_or_else(|error| error)
}

/// Says which value it is that cannot be read: the column of the row with this key.
pub fn in_row(py: Python<'_>, error: PyErr, key: &Py<PyAny>, column: &str) -> PyErr {
    if !is_unreadable(py, &error) || field_of(py, &error).is_some() {
        return error;
    }
    let message = format!("`{column}` of {} {}", key.bind(py), error.value(py));
    unreadable_in(py, &message, &Attributes { field: Some(column), ..Attributes::default() })
}

/// Says in which function a value cannot be read.
pub fn in_function(py: Python<'_>, error: PyErr, function: &str) -> PyErr {
    if !is_unreadable(py, &error) {
        return error;
    }
    let message = format!("{function}: {}", error.value(py));
    let field = field_of(py, &error);
    unreadable_in(py, &message, &Attributes { field: field.as_deref(), ..Attributes::of(function) })
}

fn field_of(py: Python<'_>, error: &PyErr) -> Option<String> {
    error.value(py).getattr("field").and_then(|field| field.extract()).unwrap_or_default()
}

/// Whether a row cannot be read.
pub fn is_unreadable(py: Python<'_>, error: &PyErr) -> bool {
    error.get_type(py).name().is_ok_and(|name| name == "UnreadableRow")
}
