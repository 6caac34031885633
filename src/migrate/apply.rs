//! Applies what is missing: one program at a time, one file at a time, on a connection of its own.

use std::time::Duration;

use refinery::{Migration, Target};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tracing::{info, warn};

use super::adopt::record_first;
use super::errors::{failed, failed_outside};
use super::files::{concurrent_index, files, is_non_transactional, runner};
use super::plan::{Plan, plan_on};
use super::session::{jitter, with_lock};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// How often a file is tried that cannot have its locks: with the pauses and `lock_timeout`, about a minute.
const ATTEMPTS: u32 = 15;

/// A migration that was just applied or, of a database that the Python programs made, recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The number behind `V`.
    pub version: i32,
    /// What follows it.
    pub name: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was only written down, because the tables were there.
    pub is_adopted: bool,
}

/// Applies what is missing, and reports each file when it is done. With nothing to do that is one round trip, without any
/// lock.
///
/// # Errors
/// [`ErrorKind::Migration`] if the history does not fit the files, the tables of the Python programs are not those of `V1`, a
/// file fails, or another program has been migrating for five minutes.
pub async fn apply(db: &Db, mut report: impl FnMut(&Applied)) -> Result<(), Error> {
    let plan = super::plan(db).await?;
    if is_done(&plan)? {
        return Ok(());
    }
    with_lock(db, async |client| {
        let mut plan = plan_on(client).await?;
        if plan.is_unrecorded {
            let started = Instant::now();
            record_first(client).await?;
            tell(&mut report, &files()[0], started, true);
            plan = plan_on(client).await?;
        }
        if is_done(&plan)? { Ok(()) } else { apply_pending(client, &plan, &mut report).await }
    })
    .await
}

/// Whether there is nothing to do. Names what a newer program has applied.
fn is_done(plan: &Plan) -> Result<bool, Error> {
    plan.check()?;
    for file in plan.newer() {
        warn!(%file, "the database is newer than this program");
    }
    Ok(plan.is_up_to_date())
}

async fn apply_pending(client: &mut Client, plan: &Plan, report: &mut impl FnMut(&Applied)) -> Result<(), Error> {
    let pending: Vec<i32> = plan.pending().map(|file| file.version).collect();
    for file in files().iter().filter(|file| pending.contains(&file.version())) {
        let started = Instant::now();
        apply_file(client, file).await?;
        tell(report, file, started, false);
    }
    Ok(())
}

fn tell(report: &mut impl FnMut(&Applied), file: &Migration, started: Instant, is_adopted: bool) {
    let elapsed = started.elapsed();
    info!(%file, ?elapsed, is_adopted, "migrated");
    report(&Applied { version: file.version(), name: file.name().to_owned(), elapsed, is_adopted });
}

/// Applies one file; again and again while others hold what it must lock.
async fn apply_file(client: &mut Client, file: &Migration) -> Result<(), Error> {
    for attempt in 1.. {
        let result = match file.sql() {
            Some(sql) if is_non_transactional(sql) => apply_outside(client, file, sql).await,
            _ => run(client, Target::Version(file.version())).await,
        };
        match result {
            Err(error) if attempt < ATTEMPTS && others_were_in_the_way(&error) => {
                warn!(attempt, %file, %error, "others hold what this migration must lock, trying again");
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

/// A file of one statement that PostgreSQL runs in no transaction: an index that is built while others write. What an
/// earlier attempt has left INVALID is taken away first; what it has finished but not recorded, is recorded.
async fn apply_outside(client: &mut Client, file: &Migration, sql: &str) -> Result<(), Error> {
    let index = concurrent_index(sql);
    let left = left_behind(client, index.as_deref()).await?;
    if let Some(Index { is_valid: false, removal }) = &left {
        warn!(removal, "an interrupted migration has left an INVALID index");
        client.batch_execute(removal).await?;
    }
    if !left.is_some_and(|index| index.is_valid) {
        build(client, file, sql).await?;
    }
    if left_behind(client, index.as_deref()).await?.is_some_and(|index| !index.is_valid) {
        return Err(Error::migration(format!("{file} has built an INVALID index; start again")));
    }
    run(client, Target::FakeVersion(file.version())).await
}

async fn build(client: &Client, file: &Migration, sql: &str) -> Result<(), Error> {
    client.query_typed(include_str!("patient.sql"), &[]).await?;
    let built = client.batch_execute(sql).await.map_err(|error| failed_outside(file, error));
    client.query_typed(include_str!("session.sql"), &[]).await?;
    built
}

/// An index that is there.
struct Index {
    is_valid: bool,
    removal: String,
}

async fn left_behind(client: &Client, index: Option<&str>) -> Result<Option<Index>, Error> {
    let rows = client.query_typed(include_str!("concurrent_index.sql"), &[(&index, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| Index { is_valid: row.get(0), removal: row.get(1) }))
}

/// A lock that did not come, or a deadlock: the file's transaction is undone and can be tried again.
fn others_were_in_the_way(error: &Error) -> bool {
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    codes.iter().any(|code| error.sqlstate() == Some(code.code()))
}
