//! What went wrong while migrating, with what to do about it.

use refinery::Migration;
use tokio_postgres::error::SqlState;

use crate::error::{Error, causes, message};

pub(super) fn failed(error: refinery::Error) -> Error {
    // refinery's own text says only "db error" of what PostgreSQL reported.
    let report = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    with_advice(format!("{error}: {report}"), error)
}

pub(super) fn failed_outside(file: &Migration, error: tokio_postgres::Error) -> Error {
    with_advice(format!("{file}: {}", message(&error)), error)
}

/// Bot and worker may have roles that cannot change the schema (`docs/PRIVILEGES.md`).
fn with_advice(mut reason: String, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let error = Error::migration("").with_source(source);
    if error.sqlstate() == Some(SqlState::INSUFFICIENT_PRIVILEGE.code()) {
        reason.push_str("; this role may not change the schema: let the owner of the tables run `clip-db migrate`");
    }
    error.with_reason(reason)
}
