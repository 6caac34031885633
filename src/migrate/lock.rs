//! The lock that lets one program at a time migrate.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::progress::Progress;
use super::session::with_session;
use super::sessions::pids;
use super::waits::Waits;
use crate::error::Error;
use crate::pool::db::Db;

/// The key of the advisory lock: "clip-db" in ASCII.
const LOCK_KEY: i64 = 0x0063_6c69_702d_6462;

/// Does work on its own connection while it holds the lock: no other program migrates. Closing the connection frees the lock.
pub(super) async fn with_lock<T, R: FnMut(Progress)>(
    db: &Db,
    waits: &mut Waits<'_, R>,
    work: impl AsyncFnOnce(&mut Client, &mut Waits<'_, R>) -> Result<T, Error>,
) -> Result<T, Error> {
    with_session(db, async |client| {
        lock(client, waits).await?;
        work(client, waits).await
    })
    .await
}

async fn lock<R: FnMut(Progress)>(client: &Client, waits: &mut Waits<'_, R>) -> Result<(), Error> {
    while !try_lock(client).await? {
        let holders = client.query_typed(include_str!("lock_holders.sql"), &[(&LOCK_KEY, Type::INT8)]).await?;
        waits.wait_for(client, &pids(&holders)?).await?;
    }
    Ok(())
}

async fn try_lock(client: &Client) -> Result<bool, Error> {
    let rows = client.query_typed(include_str!("try_lock.sql"), &[(&LOCK_KEY, Type::INT8)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}
