//! How a command ends: its exit code, and what to say when it can't go on.

use std::error::Error as StdError;
use std::fmt::Display;
use std::iter::successors;
use std::process::ExitCode;

use clip_saver_db::{Error, ErrorKind};

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Fine = 0,
    SomethingToDo = 1,
    Wrong = 2,
    NoConnection = 3,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        (end as u8).into()
    }
}

/// What a command can't go on with.
#[derive(Debug)]
pub struct Failure {
    pub end: End,
    pub message: String,
}

impl Failure {
    pub fn wrong(message: impl Display) -> Self {
        Self { end: End::Wrong, message: message.to_string() }
    }

    /// What came out of connecting: whatever the server said, there is no way in.
    pub fn connecting(error: &Error) -> Self {
        if error.kind() == ErrorKind::Config {
            return Self::wrong(error);
        }
        Self { end: End::NoConnection, message: format!("{error}\n{}", way_in(error)) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if is_connection(&error) {
            return Self::connecting(&error);
        }
        match way_out(&error) {
            Some(advice) => Self::wrong(format!("{error}\n{advice}")),
            None => Self::wrong(error),
        }
    }
}

fn is_connection(error: &Error) -> bool {
    let is_kind = matches!(
        error.kind(),
        ErrorKind::Connection | ErrorKind::ConnectTimeout | ErrorKind::Tls | ErrorKind::PoolTimeout | ErrorKind::Pooler
    );
    let code = error.sqlstate().unwrap_or_default();
    is_kind || code.starts_with("28") || matches!(code, "08P01" | "3D000") || has_ended(error)
}

/// Whether the connection broke below something else, as within a migration.
fn has_ended(error: &Error) -> bool {
    let is_end = |cause: &(dyn StdError + 'static)| {
        cause.downcast_ref::<tokio_postgres::Error>().is_some_and(tokio_postgres::Error::is_closed)
    };
    successors(Some(error as &(dyn StdError + 'static)), |&cause| cause.source()).any(is_end)
}

/// What to do about a connection that can't be made.
fn way_in(error: &Error) -> &'static str {
    match error.sqlstate().unwrap_or_default() {
        code if code.starts_with("28") => {
            "The server refuses this user: see user and password (`clip-db config` shows where they are from), and the \
             server's pg_hba.conf."
        }
        "3D000" => "Create the database, or correct its name (`clip-db config` shows where it is from).",
        "42501" => "Let the owner of the database grant this role the right to connect to it.",
        "53300" => "All connections of the server are taken: end some, or raise its max_connections.",
        _ if error.kind() == ErrorKind::Pooler => "`clip-db doctor` looks at what is behind it.",
        _ if error.kind() == ErrorKind::Tls => {
            "A server without TLS is reached with sslmode=prefer or disable; one with a certificate of its own with \
             sslrootcert=FILE."
        }
        _ => {
            "See that the server runs and that this is its address: `clip-db config`. DB_CONNECT_TIMEOUT says how many \
             seconds to wait for it."
        }
    }
}

/// What to do about a statement that failed.
fn way_out(error: &Error) -> Option<&'static str> {
    match error.sqlstate()? {
        "42P01" | "42703" | "42704" | "42883" => {
            Some("The schema is not what this version needs: see `clip-db status` and `clip-db check`.")
        }
        "42501" => Some("This role lacks a right: `clip-db doctor` lists what it may not do."),
        "25006" => Some("The server takes no writes: connect to the primary, see `clip-db doctor`."),
        _ => None,
    }
}
