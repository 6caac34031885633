//! Applies each migration to a scratch database as src/migrate/apply.rs does. The build fails if PostgreSQL refuses a
//! statement, or if a file ends the transaction that applies and records it.

use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, Error};

/// The first line of a file that is applied outside a transaction.
const NON_TRANSACTIONAL: &str = "-- non-transactional";

const ENDS: &str = "1: ends the transaction that applies and records this file: after a failure, the statements before that \
                    would stay; remove `commit`, `rollback` and similar statements";
const NEEDLESS: &str = "1: this file can run in a transaction; remove its first line, `-- non-transactional`";
const MISPLACED: &str = "; put the statement alone into a file whose first line is `-- non-transactional`";
const SECOND: &str = "; a `-- non-transactional` file holds one statement, move the others into their own files";
const TOO_EARLY: &str = "; move the statement to a later file";

/// Applies a file. An error is `LINE: message`.
pub async fn apply(client: &Client, sql: &str) -> Result<(), String> {
    let marked = sql.lines().next() == Some(NON_TRANSACTIONAL);
    let failed = |error: Error| refused(sql, &error, MISPLACED);
    client.batch_execute("begin").await.map_err(failed)?;
    let begun = transaction(client).await.map_err(failed)?;
    match client.batch_execute(sql).await {
        Ok(()) if transaction(client).await.map_err(failed)? != begun => Err(ENDS.to_owned()),
        Ok(()) if marked => Err(NEEDLESS.to_owned()),
        Ok(()) => client.batch_execute("commit").await.map_err(failed),
        Err(error) if marked && error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION) => {
            apply_non_transactional(client, sql).await
        }
        Err(error) => Err(failed(error)),
    }
}

async fn apply_non_transactional(client: &Client, sql: &str) -> Result<(), String> {
    let failed = |error: Error| refused(sql, &error, SECOND);
    client.batch_execute("rollback").await.map_err(failed)?;
    client.batch_execute(sql).await.map_err(failed)
}

/// The id of the open transaction; a new one if none is open.
async fn transaction(client: &Client) -> Result<i64, Error> {
    client.query_one("select txid_current()", &[]).await?.try_get(0)
}

/// PostgreSQL's message, at the line that it names. `in_transaction` is the advice for a statement that cannot run in a
/// transaction.
fn refused(sql: &str, error: &Error, in_transaction: &str) -> String {
    let Some(report) = error.as_db_error() else { return format!("1: {error}") };
    let line = match report.position() {
        Some(ErrorPosition::Original(at)) => sql.chars().take(*at as usize).filter(|c| *c == '\n').count() + 1,
        _ => 1,
    };
    let advice = match *report.code() {
        SqlState::ACTIVE_SQL_TRANSACTION => in_transaction,
        SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE => TOO_EARLY,
        _ => "",
    };
    format!("{line}: {}{advice}", report.message())
}
