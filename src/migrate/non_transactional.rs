//! Applies a file whose one statement cannot run in a transaction, such as `create index concurrently`.

use refinery::{Migration, Target};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use tracing::warn;

use super::catalogue::index_difference;
use super::errors::{is_lock_conflict, statement_failed};
use super::files::{ConcurrentIndex, concurrent_index, run};
use super::progress::Progress;
use super::session::{backend_pid, set_lock_timeout};
use super::waits::{LOCK_TIMEOUT, Waits};
use crate::error::Error;

/// Applies the file and records it. If an interrupted attempt has left an INVALID index, this drops it first. If one has
/// built the index but not recorded the file, this only records it.
pub(super) async fn apply_alone<R: FnMut(Progress)>(
    client: &mut Client,
    file: &Migration,
    sql: &str,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    match concurrent_index(sql) {
        Some(index) => build_index(client, file, sql, &index, waits).await?,
        None => run_alone(client, file, sql, waits).await?,
    }
    run(client, Target::FakeVersion(file.version())).await
}

async fn build_index<R: FnMut(Progress)>(
    client: &Client,
    file: &Migration,
    sql: &str,
    index: &ConcurrentIndex,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    match existing(client, index).await? {
        Some(Existing { is_valid: true, drop }) => return check_same(client, file, index, &drop).await,
        Some(Existing { is_valid: false, drop }) => {
            warn!(drop, "an interrupted migration has left an INVALID index");
            run_alone(client, file, &drop, waits).await?;
        }
        None => {}
    }
    wait_for_idle_transactions(client, index, waits).await?;
    let built = run_alone(client, file, sql, waits).await;
    match existing(client, index).await {
        Ok(Some(Existing { is_valid: false, drop })) => {
            let error = built.err().unwrap_or_else(|| Error::migration(format!("{file} has built an INVALID index")));
            Err(clean_up(client, &drop, error).await)
        }
        Ok(_) => built,
        Err(error) => built.and(Err(error)), // if the connection broke, the first error tells more
    }
}

/// Waits until the transactions that are idle and that the build would wait for have ended. If it gives up here, there is
/// nothing to clean up.
async fn wait_for_idle_transactions<R: FnMut(Progress)>(
    client: &Client,
    index: &ConcurrentIndex,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    let mut first: Option<Vec<String>> = None;
    loop {
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&index.table, Type::TEXT), (&first, Type::TEXT_ARRAY)];
        let rows = client.query_typed(include_str!("index_blockers.sql"), &parameters).await?;
        if rows.is_empty() {
            waits.free();
            return Ok(());
        }
        let pids: Vec<i32> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let transactions = rows.iter().map(|row| row.try_get(1)).collect::<Result<_, _>>()?;
        first.get_or_insert(transactions);
        waits.wait_for(client, &pids).await?;
    }
}

/// Runs a statement that blocks nobody while it waits.
async fn run_alone<R: FnMut(Progress)>(
    client: &Client,
    file: &Migration,
    sql: &str,
    waits: &mut Waits<'_, R>,
) -> Result<(), Error> {
    set_lock_timeout(client, waits.long_lock_timeout()).await?;
    let pid = backend_pid(client).await?;
    let running = async { client.batch_execute(sql).await.map_err(|error| statement_failed(file, error)) };
    waits.watch(pid, running).await
}

/// Drops the INVALID index that a failed attempt has left. The sessions that held up the attempt may hold up this, too: it
/// waits for a short time, and the error says if the index is still there.
async fn clean_up(client: &Client, drop: &str, error: Error) -> Error {
    let dropped = async {
        set_lock_timeout(client, LOCK_TIMEOUT).await?;
        client.batch_execute(drop).await.map_err(Error::from)
    };
    match dropped.await {
        Ok(()) => error,
        Err(_) if is_lock_conflict(&error) => error, // the next attempt drops it
        Err(left) => error.and(&format!(
            "; the build has left an INVALID index, which could not be dropped ({left}): the next migration drops it, or run \
             `{drop}`"
        )),
    }
}

/// An index in the database.
struct Existing {
    is_valid: bool,
    /// The statement that drops it.
    drop: String,
}

async fn existing(client: &Client, index: &ConcurrentIndex) -> Result<Option<Existing>, Error> {
    let rows = client.query_typed(include_str!("concurrent_index.sql"), &[(&index.name, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| Existing { is_valid: row.get(0), drop: row.get(1) }))
}

/// Refuses an index of the same name that is not the one that the file makes.
async fn check_same(client: &Client, file: &Migration, index: &ConcurrentIndex, drop: &str) -> Result<(), Error> {
    match index_difference(client, file, &index.name).await? {
        None => Ok(()),
        Some(difference) => Err(Error::migration(format!(
            "{file} makes an index, but somebody has made another one of the same name: {difference}; rename that one, or drop \
             it (`{drop}`), and migrate again"
        ))),
    }
}
