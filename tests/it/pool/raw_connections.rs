//! The driver's client, which `Connection::raw` hands out: nothing that is left on it reaches another caller.

use clip_saver_db::{Connection, Db, GenericClient as _, GuildId, queries, repositories as db};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::pool::sharing::pool_of;
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, backend_pid, guild};

/// A pool of one connection: the next caller would get what the last one left on it.
async fn small(database: &TestDatabase) -> Db {
    guild(database, 1).await;
    pool_of(database, 1).await
}

async fn connection(db: &Db) -> Connection {
    timeout(TEST_TIMEOUT, db.connection()).await.expect("the pool gives a connection").unwrap()
}

#[tokio::test]
async fn the_next_callers_write_is_not_lost_in_a_transaction_that_was_begun_by_hand_and_dropped() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    connection(&small).await.raw().batch_execute("begin").await.unwrap();

    assert!(db::touch_guild(&small, 1.into()).await.unwrap());

    let in_progress = "select count(*) from pg_stat_activity where xact_start < now() and datname = current_database()";
    assert_eq!(database.text(in_progress).await, "0");
    assert_eq!(database.text("select count(*) from bot_guilds where last_seen_at > joined_at").await, "1");
}

#[tokio::test]
async fn a_transaction_that_was_begun_through_the_generated_trait_does_not_stay_open() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    for by_text in [true, false] {
        let connection = connection(&small).await;
        if by_text {
            connection.execute("begin", &[]).await.unwrap();
        } else {
            let begin = connection.prepare("begin").await.unwrap();
            connection.execute(&begin, &[]).await.unwrap();
        }
        drop(connection);

        assert!(db::touch_guild(&small, 1.into()).await.unwrap());
        let open = "select count(*) from pg_stat_activity where state like 'idle in transaction%'
            and datname = current_database()";
        assert_eq!(database.text(open).await, "0");
    }
}

#[tokio::test]
async fn a_setting_that_was_changed_in_a_transaction_by_text_does_not_reach_the_next_caller() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    let transaction = small.begin().await.unwrap();
    transaction.execute("set application_name = 'changed'", &[]).await.unwrap();
    transaction.commit().await.unwrap();

    db::touch_guild(&small, 1.into()).await.unwrap();

    let changed = "select count(*) from pg_stat_activity where application_name = 'changed'";
    while database.text(changed).await != "0" {}
}

#[tokio::test]
async fn the_server_cancels_a_dropped_raw_query_and_the_next_call_does_not_wait_for_it() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    let connection = connection(&small).await;

    assert!(connection.raw().batch_execute("select pg_sleep(3600)").now_or_never().is_none(), "the query is sent");
    drop(connection);

    assert!(
        timeout(TEST_TIMEOUT, db::touch_guild(&small, 1.into()))
            .await
            .expect("the call does not wait for the query")
            .unwrap()
    );
    let sleeping =
        "select count(*) from pg_stat_activity where query like 'select pg_sleep(3600)%' and state = 'active'";
    while database.text(sleeping).await != "0" {}
}

#[tokio::test]
async fn a_connection_goes_back_to_the_pool_if_its_raw_client_was_not_used() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    let before = backend_pid(&connection(&small).await).await;

    let held = connection(&small).await;
    db::touch_guild(&held, 1.into()).await.unwrap();
    queries::guilds::touch_guild().bind(&held, &GuildId::from(1)).await.unwrap();
    drop(held);
    assert_eq!(backend_pid(&connection(&small).await).await, before);

    let _ = connection(&small).await.raw();
    assert_ne!(backend_pid(&connection(&small).await).await, before);
}
