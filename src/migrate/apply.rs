//! Applies the pending files: one program at a time, one file at a time, on their own connection.

use std::time::Duration;

use refinery::{Migration, Target};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tracing::{info, warn};

use super::adopt::record_v1;
use super::errors::{failed, statement_failed};
use super::files::{concurrent_index, files, is_non_transactional, pending, runner};
use super::place::create_schema;
use super::plan::{Plan, plan_on};
use super::session::{jitter, with_lock};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// How often a file is tried if it does not get its locks: about a minute, with the pauses and `lock_timeout`.
const ATTEMPTS: u32 = 15;

/// A migration that was just applied or, in a database that the Python programs made, recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The number behind `V`.
    pub version: i32,
    /// The name behind `__`.
    pub name: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was only recorded, because the tables already existed.
    pub is_adopted: bool,
}

/// Applies the pending files, and reports each one when it is applied. If there are none, this is one round trip without a
/// lock.
///
/// # Errors
/// [`ErrorKind::Migration`] if the history does not fit the files, the tables of the Python programs are not those of `V1` or
/// are in another schema, a file fails, or another program has been migrating for five minutes.
pub async fn apply(db: &Db, mut report: impl FnMut(&Applied)) -> Result<(), Error> {
    let plan = super::plan(db).await?;
    if is_done(&plan)? {
        return Ok(());
    }
    let schema = &db.config().schema;
    with_lock(db, async |client| {
        let mut plan = plan_on(client, schema).await?;
        plan.check()?;
        create_schema(client, &plan.place).await?;
        if plan.is_unrecorded {
            let started = Instant::now();
            record_v1(client).await?;
            report_applied(&mut report, &files()[0], started, true);
            plan = plan_on(client, schema).await?;
        }
        if is_done(&plan)? { Ok(()) } else { apply_pending(client, &plan, &mut report).await }
    })
    .await
}

/// Whether there is nothing to do. Logs what a newer program has applied.
fn is_done(plan: &Plan) -> Result<bool, Error> {
    plan.check()?;
    for file in plan.newer() {
        warn!(%file, "the database is newer than this program");
    }
    Ok(plan.is_up_to_date())
}

async fn apply_pending(client: &mut Client, plan: &Plan, report: &mut impl FnMut(&Applied)) -> Result<(), Error> {
    for file in &pending(plan) {
        let started = Instant::now();
        apply_file(client, file).await?;
        report_applied(report, file, started, false);
    }
    Ok(())
}

fn report_applied(report: &mut impl FnMut(&Applied), file: &Migration, started: Instant, is_adopted: bool) {
    let elapsed = started.elapsed();
    info!(%file, ?elapsed, is_adopted, "migrated");
    report(&Applied { version: file.version(), name: file.name().to_owned(), elapsed, is_adopted });
}

/// Applies one file. Tries again while other sessions hold locks that it needs.
async fn apply_file(client: &mut Client, file: &Migration) -> Result<(), Error> {
    for attempt in 1.. {
        let result = match file.sql() {
            Some(sql) if is_non_transactional(sql) => apply_non_transactional(client, file, sql).await,
            _ => run(client, Target::Version(file.version())).await,
        };
        match result {
            Err(error) if attempt < ATTEMPTS && is_lock_conflict(&error) => {
                warn!(attempt, %file, %error, "other sessions hold locks that this migration needs, trying again");
                sleep(jitter(Duration::from_secs(1))).await;
            }
            result => return result,
        }
    }
    Ok(())
}

async fn run(client: &mut Client, target: Target) -> Result<(), Error> {
    runner().set_target(target).run_async(client).await.map(drop).map_err(failed)
}

/// Applies a file whose one statement cannot run in a transaction, such as `create index concurrently`. If an interrupted
/// attempt has left an INVALID index, this drops it first. If one has built the index but not recorded the file, this only
/// records it.
async fn apply_non_transactional(client: &mut Client, file: &Migration, sql: &str) -> Result<(), Error> {
    let index = concurrent_index(sql);
    let existing = existing_index(client, index.as_deref()).await?;
    if let Some(Index { is_valid: false, drop }) = &existing {
        warn!(drop, "an interrupted migration has left an INVALID index");
        client.batch_execute(drop).await?;
    }
    if !existing.is_some_and(|index| index.is_valid) {
        run_alone(client, file, sql).await?;
    }
    if existing_index(client, index.as_deref()).await?.is_some_and(|index| !index.is_valid) {
        return Err(Error::migration(format!("{file} has built an INVALID index; migrate again")));
    }
    run(client, Target::FakeVersion(file.version())).await
}

/// Runs the statement with a long `lock_timeout`.
async fn run_alone(client: &Client, file: &Migration, sql: &str) -> Result<(), Error> {
    client.query_typed(include_str!("long_lock_timeout.sql"), &[]).await?;
    let result = client.batch_execute(sql).await.map_err(|error| statement_failed(file, error));
    client.query_typed(include_str!("session.sql"), &[]).await?;
    result
}

/// An index in the database.
struct Index {
    is_valid: bool,
    /// The statement that drops it.
    drop: String,
}

async fn existing_index(client: &Client, index: Option<&str>) -> Result<Option<Index>, Error> {
    let rows = client.query_typed(include_str!("concurrent_index.sql"), &[(&index, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| Index { is_valid: row.get(0), drop: row.get(1) }))
}

/// A lock timeout or a deadlock: the file's transaction was rolled back and can be tried again.
fn is_lock_conflict(error: &Error) -> bool {
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    codes.iter().any(|code| error.sqlstate() == Some(code.code()))
}
