//! Calls whose futures are dropped: they hold nothing any more, and the server does not work on for nobody.

use std::time::Duration;

use clip_saver_db::{Db, repositories as db};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::pool::sharing::pool_of;
use crate::support::races::{LockHolder, TEST_TIMEOUT};
use crate::support::{TestDatabase, backend_pid, guild};

const LOCK: &str = "select from bot_guilds where guild_id = '1' for update";

/// A call that waits for the lock, and is dropped then.
async fn dropped_while_it_waits<T: std::fmt::Debug>(obstacle: &LockHolder, call: impl Future<Output = T>) {
    tokio::select! {
        result = call => panic!("the guild is locked: {result:?}"),
        () = obstacle.wait_until_blocked(1) => {}
    }
}

async fn pid(db: &Db) -> i32 {
    let connection = timeout(TEST_TIMEOUT, db.connection()).await.expect("a connection is free").unwrap();
    backend_pid(&connection).await
}

#[tokio::test]
async fn a_dropped_write_is_canceled_on_the_server_and_leaves_the_pool_another_connection() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let before = pid(&small).await;
    let lock = LockHolder::new(&database, LOCK).await;

    dropped_while_it_waits(&lock, db::touch_guild(&small, 1.into())).await;

    lock.wait_until_blocked(0).await;
    assert_ne!(pid(&small).await, before, "the request to cancel may arrive late: it must not hit somebody else");
    lock.rollback().await;
}

#[tokio::test]
async fn a_dropped_call_that_ends_by_itself_leaves_its_connection() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let before = pid(&small).await;

    for _ in 0..20 {
        assert_eq!(Box::pin(db::touch_guild(&small, 1.into())).now_or_never().map(drop), None, "it is dropped here");
    }

    assert_eq!(pid(&small).await, before);
}

#[tokio::test]
async fn a_dropped_list_is_canceled_on_the_server() {
    let database = TestDatabase::new().await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, "lock table bot_guilds in access exclusive mode").await;

    dropped_while_it_waits(&lock, db::get_guilds(&small)).await;

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_in_the_middle_of_a_statement_frees_its_locks() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    guild(&database, 2).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let working = async {
        let transaction = database.begin().await.unwrap();
        db::touch_guild(&transaction, 2.into()).await.unwrap();
        db::touch_guild(&transaction, 1.into()).await
    };

    dropped_while_it_waits(&lock, working).await;

    let touched = timeout(TEST_TIMEOUT, db::touch_guild(&*database, 2.into())).await.expect("nobody locks it");
    assert!(touched.unwrap());
    lock.rollback().await;
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_a_call_that_was_dropped() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let transaction = database.begin().await.unwrap();
    dropped_while_it_waits(&lock, db::touch_guild(&transaction, 1.into())).await;

    timeout(TEST_TIMEOUT, transaction.rollback()).await.expect("nobody waits for the lock");

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn closing_waits_until_what_was_dropped_is_canceled() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, LOCK).await;
    dropped_while_it_waits(&lock, db::touch_guild(&small, 1.into())).await;

    timeout(TEST_TIMEOUT, small.close()).await.expect("it ends");

    lock.wait_until_blocked(0).await;
    lock.rollback().await;
}

#[tokio::test]
async fn calls_that_time_out_leave_the_pool_full() {
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
