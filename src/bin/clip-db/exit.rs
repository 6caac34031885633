//! How a command ends: its exit code, and the message if it cannot continue.

use std::error::Error as StdError;
use std::fmt::Display;
use std::iter::successors;
use std::process::ExitCode;

use clip_saver_db::{Error, ErrorKind};

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Fine = 0,
    SomethingToDo = 1,
    Wrong = 2,
    NoConnection = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

/// Why a command cannot continue.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn wrong(message: impl Display) -> Self {
        Self { exit: Exit::Wrong, message: message.to_string() }
    }

    /// From an error of connecting: exit code 3, except for a wrong configuration.
    pub fn connecting(error: &Error) -> Self {
        if error.kind() == ErrorKind::Config {
            return Self::wrong(error);
        }
        Self { exit: Exit::NoConnection, message: format!("{error}\n{}", connecting_advice(error)) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if is_connection_error(&error) {
            return Self::connecting(&error);
        }
        match statement_advice(&error) {
            Some(advice) => Self::wrong(format!("{error}\n{advice}")),
            None => Self::wrong(error),
        }
    }
}

fn is_connection_error(error: &Error) -> bool {
    let is_kind = matches!(
        error.kind(),
        ErrorKind::Connection
            | ErrorKind::ConnectTimeout
            | ErrorKind::Tls
            | ErrorKind::Password
            | ErrorKind::PoolTimeout
            | ErrorKind::Pooler
    );
    let code = error.sqlstate().unwrap_or_default();
    is_kind || code.starts_with("28") || matches!(code, "08P01" | "3D000") || is_closed(error)
}

/// Whether a cause of the error is a closed connection, as in a migration.
fn is_closed(error: &Error) -> bool {
    let is_closed = |cause: &(dyn StdError + 'static)| {
        cause.downcast_ref::<tokio_postgres::Error>().is_some_and(tokio_postgres::Error::is_closed)
    };
    successors(Some(error as &(dyn StdError + 'static)), |&cause| cause.source()).any(is_closed)
}

/// What to do if connecting fails.
fn connecting_advice(error: &Error) -> &'static str {
    match error.sqlstate().unwrap_or_default() {
        "28000" => {
            "The server refuses this user, address or encryption: check user, sslmode, and sslcert with sslkey if it asks for \
             a certificate (`clip-db config` shows them), and the server's pg_hba.conf."
        }
        code if code.starts_with("28") => {
            "The server refuses this user: check user and password (`clip-db config` shows where they are from), and the \
             server's pg_hba.conf."
        }
        "3D000" => "Create the database, or correct its name (`clip-db config` shows where it is from).",
        "42501" => "Let the owner of the database grant this role the right to connect to it.",
        "53300" => {
            "All connections that the server, the database or the role may have are in use: end some, or raise the limit \
             (max_connections, or `connection limit` of database or role)."
        }
        _ if error.kind() == ErrorKind::Password => "`clip-db config` shows where the password is from.",
        _ if error.kind() == ErrorKind::Pooler => "`clip-db doctor` checks the server behind the pooler.",
        _ if error.kind() == ErrorKind::Tls => "`clip-db config` shows sslmode and the files with certificates.",
        _ => {
            "Check that the server runs and that its address is right (`clip-db config` shows it). DB_CONNECT_TIMEOUT says \
             how many seconds to wait for it."
        }
    }
}

/// What to do if a statement fails.
fn statement_advice(error: &Error) -> Option<&'static str> {
    match error.sqlstate()? {
        "42P01" | "42703" | "42704" | "42883" => {
            Some("The schema is not what this version needs: see `clip-db status` and `clip-db check`.")
        }
        "42501" if error.kind() != ErrorKind::Migration => {
            Some("This role lacks a right: `clip-db doctor` lists the missing ones.")
        }
        "25006" => Some("The server accepts no writes: connect to the primary, see `clip-db doctor`."),
        _ => None,
    }
}
