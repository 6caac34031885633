//! Applies the pending files: one program at a time, one file at a time, on their own connection.

use std::time::Duration;

use refinery::{Migration, Target};
use tokio::time::Instant;
use tokio_postgres::Client;
use tracing::{info, warn};

use super::adopt::record_v1;
use super::errors::{is_lock_conflict, unreadable_history};
use super::files::{files, is_non_transactional, pending, run};
use super::lock::with_lock;
use super::non_transactional::apply_alone;
use super::obstacles::with_advice;
use super::place::create_schema;
use super::plan::{Plan, plan_on};
use super::progress::{Applied, Progress};
use super::session::{backend_pid, set_lock_timeout};
use super::waits::Waits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// Applies the pending files, and reports each one when it is applied, and each wait for other sessions while it waits. If
/// there are none, this is one round trip without a lock.
///
/// It waits for `DB_MIGRATION_TIMEOUT` in all ([`Config::migration_timeout`](crate::Config::migration_timeout)). If you drop
/// the future, a file that was not applied yet is undone, except that a `create index concurrently` leaves an INVALID index,
/// which the next program drops.
///
/// # Errors
/// [`ErrorKind::Migration`] if the history does not fit the files, the tables of the Python programs are not those of `V1` or
/// are in another schema, a file fails, or other sessions hold it back for too long: the error names the file and the sessions.
pub async fn apply(db: &Db, report: impl FnMut(Progress)) -> Result<(), Error> {
    apply_and(db, None, report).await
}

/// The same, and ends sessions that hold back a file and have been idle in transaction for at least this long. It needs the
/// right to do so: to be a member of the session's role, or of `pg_signal_backend` and `pg_read_all_stats`.
///
/// # Errors
/// As [`apply`].
pub async fn apply_ending_idle(db: &Db, at_least: Duration, report: impl FnMut(Progress)) -> Result<(), Error> {
    apply_and(db, Some(at_least), report).await
}

async fn apply_and(db: &Db, end_idle: Option<Duration>, report: impl FnMut(Progress)) -> Result<(), Error> {
    let plan = super::plan(db).await.map_err(unreadable_history)?;
    if is_done(&plan)? {
        return Ok(());
    }
    let (mut waits, schema) = (Waits::new(db, end_idle, report), &db.config().schema);
    let migrating = with_lock(db, &mut waits, async |client, waits| {
        let mut plan = plan_on(client, schema).await?;
        plan.check()?;
        create_schema(client, &plan.place).await?;
        if plan.is_unrecorded {
            let started = Instant::now();
            record_v1(client, schema).await?;
            report_applied(waits, &files()[0], started, true);
            plan = plan_on(client, schema).await?;
        }
        if is_done(&plan)? { Ok(()) } else { apply_pending(client, &plan, waits).await }
    });
    Box::pin(migrating).await // rare, and large: callers would carry its size
}

/// Whether there is nothing to do. Logs what a newer program has applied.
fn is_done(plan: &Plan) -> Result<bool, Error> {
    plan.check()?;
    for file in plan.newer() {
        warn!(%file, "the database is newer than this program");
    }
    Ok(plan.is_up_to_date())
}

async fn apply_pending<R: FnMut(Progress)>(
    client: &mut Client,
    plan: &Plan,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    for file in &pending(plan) {
        let started = Instant::now();
        waits.begin(Some(file.to_string()));
        if let Err(error) = apply_file(client, file, waits).await {
            return Err(with_advice(client, plan.schema(), error).await);
        }
        report_applied(waits, file, started, false);
    }
    Ok(())
}

fn report_applied<R: FnMut(Progress)>(waits: &mut Waits<'_, R>, file: &Migration, started: Instant, is_adopted: bool) {
    let elapsed = started.elapsed();
    info!(%file, ?elapsed, is_adopted, "migrated");
    waits.applied(Applied { version: file.version(), name: file.name().to_owned(), elapsed, is_adopted });
}

/// Applies one file. Tries again while other sessions hold locks that it needs.
async fn apply_file<R: FnMut(Progress)>(
    client: &mut Client,
    file: &Migration,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    loop {
        let result = match file.sql() {
            Some(sql) if is_non_transactional(sql) => apply_alone(client, file, sql, waits).await,
            _ => apply_in_transaction(client, file, waits).await,
        };
        match result {
            Err(error) if is_lock_conflict(&error) => waits.pause().await?,
            result => return result,
        }
    }
}

async fn apply_in_transaction<R: FnMut(Progress)>(
    client: &mut Client,
    file: &Migration,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    set_lock_timeout(client, waits.short_lock_timeout()).await?;
    let pid = backend_pid(client).await?;
    waits.watch(pid, run(client, Target::Version(file.version()))).await
}
