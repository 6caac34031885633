//! Migration errors, with what to do about them.

use refinery::Migration;
use tokio_postgres::error::SqlState;

use crate::error::{Error, causes, message};

pub(super) fn failed(error: refinery::Error) -> Error {
    // refinery's own text shows an error of PostgreSQL only as "db error".
    let report = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    with_advice(format!("{error}: {report}"), error)
}

/// The statement of a non-transactional file failed.
pub(super) fn statement_failed(file: &Migration, error: tokio_postgres::Error) -> Error {
    with_advice(format!("{file}: {}", message(&error)), error)
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

/// Adds advice if the role may not change the schema: bot and worker may have such roles (`docs/PRIVILEGES.md`).
fn with_advice(mut reason: String, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let error = Error::migration("").with_source(source);
    if error.sqlstate() == Some(SqlState::INSUFFICIENT_PRIVILEGE.code()) {
        reason.push_str("; this role may not change the schema: let the owner of the tables run `clip-db migrate`");
    }
    error.with_reason(reason)
}
