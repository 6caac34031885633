//! Applies what is missing: one program at a time, one file at a time, on a connection of its own.

use std::time::Duration;

use refinery::{Migration, Target};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tracing::{debug, info, warn};

use super::adopt::record_first;
use super::plan::{Plan, plan_on};
use super::{embedded, files, route};
use crate::db::Db;
use crate::error::{Error, causes};

/// The key of the advisory lock: "clip-db" in ASCII.
const LOCK_KEY: i64 = 0x0063_6c69_702d_6462;

/// How long to wait for another program that migrates.
const LOCK_DEADLINE: Duration = Duration::from_mins(5);

/// How often a file is tried that cannot have its locks: with the pauses and `lock_timeout`, about a minute.
const ATTEMPTS: u32 = 15;

/// The first line of a file that cannot run in a transaction.
const NON_TRANSACTIONAL: &str = "-- non-transactional";

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
/// [`Error::Migration`] if the history does not fit the files, the tables of the Python programs are not those of `V1`, a
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
    embedded::migrations::runner().set_target(target).run_async(client).await.map(drop).map_err(failed)
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

/// Whether a file declares that it runs in no transaction.
pub(super) fn is_non_transactional(sql: &str) -> bool {
    sql.lines().next() == Some(NON_TRANSACTIONAL)
}

/// The statement of a non-transactional file.
pub(super) fn without_comment_lines(sql: &str) -> String {
    let lines: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    lines.join("\n")
}

/// The name of the index that a `create [unique] index concurrently [if not exists] name on …` makes.
pub(super) fn concurrent_index(sql: &str) -> Option<String> {
    let statement = without_comment_lines(sql).to_lowercase();
    let words: Vec<&str> = statement.split_whitespace().filter(|word| *word != "unique").collect();
    match words[..] {
        ["create", "index", "concurrently", "if", "not", "exists", name, "on", ..]
        | ["create", "index", "concurrently", name, "on", ..] => Some(name.to_owned()),
        _ => None,
    }
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

/// Does work on a connection of its own, alone among all programs: its end frees the lock.
pub(super) async fn with_lock<T>(db: &Db, work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
    with_session(db, async |client| {
        lock(client).await?;
        work(client).await
    })
    .await
}

/// Does work on a connection of its own: whatever becomes of it, no call gets a connection in a strange state.
pub(super) async fn with_session<T>(
    db: &Db,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let (mut client, driver) = db.connect_to_migrate().await?;
    let result = match prepare(db, &client).await {
        Ok(()) => work(&mut client).await,
        Err(error) => Err(error),
    };
    drop(client);
    _ = driver.await; // whatever broke it has failed `result` too
    result
}

async fn prepare(db: &Db, client: &Client) -> Result<(), Error> {
    route::check(db, client).await?;
    client.query_typed(include_str!("session.sql"), &[]).await?;
    if let Err(error) = client.query_typed(include_str!("watched.sql"), &[]).await {
        debug!(%error, "the server cannot watch for programs that are gone");
    }
    Ok(())
}

async fn lock(client: &Client) -> Result<(), Error> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    while !try_lock(client).await? {
        if Instant::now() > deadline {
            return Err(Error::migration("another program has been migrating for five minutes"));
        }
        sleep(jitter(Duration::from_millis(100))).await;
    }
    Ok(())
}

async fn try_lock(client: &Client) -> Result<bool, Error> {
    let rows = client.query_typed(include_str!("try_lock.sql"), &[(&LOCK_KEY, Type::INT8)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Between half of a pause and the whole: programs that wait together ask at different moments.
fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}

/// A lock that did not come, or a deadlock: the file's transaction is undone and can be tried again.
fn others_were_in_the_way(error: &Error) -> bool {
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    codes.iter().any(|code| error.sqlstate() == Some(code.code()))
}

pub(super) fn failed(error: refinery::Error) -> Error {
    // refinery's own text says only "db error" of what PostgreSQL reported.
    let report = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    with_advice(Error::Migration { reason: format!("{error}: {report}"), source: Some(Box::new(error)) })
}

fn failed_outside(file: &Migration, error: tokio_postgres::Error) -> Error {
    let reason = format!("{file}: {}", crate::error::message(&error));
    with_advice(Error::Migration { reason, source: Some(Box::new(error)) })
}

/// Bot and worker may have roles that cannot change the schema (`docs/PRIVILEGES.md`).
fn with_advice(mut error: Error) -> Error {
    let lacks_a_right = error.sqlstate() == Some(SqlState::INSUFFICIENT_PRIVILEGE.code());
    if let Error::Migration { reason, .. } = &mut error
        && lacks_a_right
    {
        reason.push_str("; this role may not: let the owner of the tables run `clip-db migrate`");
    }
    error
}
