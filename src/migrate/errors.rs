//! Migration errors, with what to do about them.

use std::time::Duration;

use refinery::Migration;
use tokio_postgres::error::SqlState;

use super::progress::Waiting;
use super::sessions::BlockingSession;
use crate::error::{Error, causes, message};

pub(super) fn failed(error: refinery::Error) -> Error {
    // refinery's own text shows an error of PostgreSQL only as "db error".
    let report = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    Error::migration(format!("{error}: {report}")).with_source(error)
}

/// The statement of a non-transactional file failed.
pub(super) fn statement_failed(file: &Migration, error: tokio_postgres::Error) -> Error {
    Error::migration(format!("{file}: {}", message(&error))).with_source(error)
}

/// The schema of the tables cannot be created.
pub(super) fn create_schema_failed(schema: &str, error: tokio_postgres::Error) -> Error {
    let reason = format!(
        "the schema {schema:?} (DB_SCHEMA) does not exist and cannot be created: {}; let the owner of the database create it, \
         with this role as its owner, or run `clip-db migrate`",
        message(&error)
    );
    Error::migration(reason).with_source(error)
}

/// Other sessions held back a file, or the program's turn, for too long.
pub(super) fn gave_up(limit: Duration, waiting: Option<&Waiting>) -> Error {
    let file = waiting.and_then(|waiting| waiting.file.as_deref());
    let what = file.map_or_else(
        || "another program is migrating".to_owned(),
        |file| format!("{file} was not applied: other sessions hold it back"),
    );
    let sessions = waiting.map(Waiting::sessions_or_reason).unwrap_or_default();
    let blocking = waiting.map(|waiting| &waiting.sessions[..]).unwrap_or_default();
    let advice = if file.is_some() { advice(blocking) } else { TURN.to_owned() };
    Error::migration(format!("{what}, and DB_MIGRATION_TIMEOUT ({limit:?}) is over: {sessions}. {advice}"))
}

/// What to do about another program that migrates.
const TURN: &str = "Wait until it has ended, or raise DB_MIGRATION_TIMEOUT; end its session only if it hangs";

/// How to get rid of the sessions that block.
fn advice(sessions: &[BlockingSession]) -> String {
    let ends: Vec<String> = sessions
        .iter()
        .filter(|session| session.pid != 0)
        .map(|session| format!("`select pg_terminate_backend({})`", session.pid))
        .collect();
    let mut ways = Vec::new();
    if sessions.iter().any(|session| session.pid == 0) {
        ways.push("Commit or roll back the prepared transactions (`select gid from pg_prepared_xacts`)".to_owned());
    }
    if ends.len() == sessions.len() {
        ways.push("Stop or restart their programs and migrate again".to_owned());
    }
    if !ends.is_empty() {
        ways.push(format!("end them by hand ({})", ends.join(", ")));
    }
    if sessions.iter().any(BlockingSession::is_idle_in_transaction) {
        ways.push("let `clip-db migrate --end-idle-in-transaction 30s` end those that are idle".to_owned());
    }
    ways.join(", or ")
}

/// A lock timeout or a deadlock: the statement was undone and can be tried again.
pub(super) fn is_lock_conflict(error: &Error) -> bool {
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    codes.iter().any(|code| error.sqlstate() == Some(code.code()))
}

/// Adds advice if this role may not read the history.
pub(super) fn unreadable_history(error: Error) -> Error {
    if error.sqlstate() != Some(SqlState::INSUFFICIENT_PRIVILEGE.code()) {
        return error;
    }
    error.into_migration().and(
        "; this role may not read the history of migrations: let the owner of the tables grant it what docs/PRIVILEGES.md says, \
         or run `clip-db migrate` as the owner",
    )
}
