//! Calls whose futures are dropped: they keep no lock and no connection, and the server stops working on them.

use std::time::Duration;

use clip_saver_db::{Db, repositories as db};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::pool::sharing::pool_of;
use crate::support::races::{LockHolder, TEST_TIMEOUT};
use crate::support::{TestDatabase, backend_pid, guild};

const LOCK: &str = "select from bot_guilds where guild_id = '1' for update";

/// Starts a call and drops it once it waits for the lock.
async fn drop_while_waiting<T: std::fmt::Debug>(lock_holder: &LockHolder, call: impl Future<Output = T>) {
    tokio::select! {
        result = call => panic!("the guild is locked: {result:?}"),
        () = lock_holder.wait_until_blocked(1) => {}
    }
}

async fn pid(db: &Db) -> i32 {
    let connection = timeout(TEST_TIMEOUT, db.connection()).await.expect("a connection is free").unwrap();
    backend_pid(&connection).await
}

#[tokio::test]
async fn a_dropped_write_is_canceled_on_the_server_and_its_connection_is_replaced() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let before = pid(&small).await;
    let lock = LockHolder::new(&database, LOCK).await;

    drop_while_waiting(&lock, db::touch_guild(&small, 1.into())).await;

    lock.wait_until_blocked(0).await;
    assert_ne!(pid(&small).await, before, "a late cancel request must not hit another call");
    lock.rollback().await;
}

#[tokio::test]
async fn the_pool_keeps_the_connection_of_a_dropped_call_that_ends_by_itself_at_once() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let before = pid(&small).await;

    for _ in 0..20 {
        assert_eq!(
            Box::pin(db::touch_guild(&small, 1.into())).now_or_never().map(drop),
            None,
            "the call is dropped before it ends"
        );
    }

    assert_eq!(pid(&small).await, before);
}

#[tokio::test]
async fn a_dropped_list_is_canceled_on_the_server() {
    let database = TestDatabase::new().await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, "lock table bot_guilds in access exclusive mode").await;

    drop_while_waiting(&lock, db::get_guilds(&small)).await;

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_during_a_statement_releases_its_locks() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    guild(&database, 2).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let working = async {
        let transaction = database.begin().await.unwrap();
        db::touch_guild(&transaction, 2.into()).await.unwrap();
        db::touch_guild(&transaction, 1.into()).await
    };

    drop_while_waiting(&lock, working).await;

    let touched = timeout(TEST_TIMEOUT, db::touch_guild(&*database, 2.into())).await.expect("the guild is not locked");
    assert!(touched.unwrap());
    lock.rollback().await;
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_a_dropped_call() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let transaction = database.begin().await.unwrap();
    drop_while_waiting(&lock, db::touch_guild(&transaction, 1.into())).await;

    timeout(TEST_TIMEOUT, transaction.rollback()).await.expect("the rollback does not wait for the lock");

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn closing_waits_until_dropped_calls_are_canceled() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, LOCK).await;
    drop_while_waiting(&lock, db::touch_guild(&small, 1.into())).await;

    timeout(TEST_TIMEOUT, small.close()).await.expect("closing ends");

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn calls_that_time_out_leave_all_connections_in_the_pool() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 4).await;
    let lock = LockHolder::new(&database, LOCK).await;
    for _ in 0..3 {
        let calls = futures::future::join_all(
            (0..4).map(|_| timeout(Duration::from_millis(20), db::touch_guild(&small, 1.into()))),
        );
        assert!(calls.await.iter().all(Result::is_err), "the guild is locked");
    }

    let all = futures::future::join_all((0..4).map(|_| small.connection()));

    let all = timeout(TEST_TIMEOUT, all).await.expect("four connections are free");
    assert!(all.iter().all(Result::is_ok));
    lock.rollback().await;
}
