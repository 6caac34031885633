//! The driver's client, handed out by name: what was left on it reaches nobody else.

use clip_saver_db::{Connection, Db, GenericClient as _, repositories as db};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::pool::sharing::pool_of;
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, backend_pid, guild};

/// A pool of one connection: the next caller gets what the last one has left, if anybody does.
async fn small(database: &TestDatabase) -> Db {
    guild(database, 1).await;
    pool_of(database, 1).await
}

async fn connection(db: &Db) -> Connection {
    timeout(TEST_TIMEOUT, db.connection()).await.expect("nothing holds the pool up").unwrap()
}

#[tokio::test]
async fn a_transaction_that_was_begun_by_hand_and_dropped_does_not_swallow_the_next_callers_write() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    connection(&small).await.raw().batch_execute("begin").await.unwrap();

    assert!(db::touch_guild(&small, 1.into()).await.unwrap());

    let in_progress = "select count(*) from pg_stat_activity where xact_start < now() and datname = current_database()";
    assert_eq!(database.text(in_progress).await, "0");
    assert_eq!(database.text("select count(*) from bot_guilds where last_seen_at > joined_at").await, "1");
}

#[tokio::test]
async fn neither_does_one_that_was_begun_through_the_generated_trait() {
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
async fn a_raw_query_that_is_dropped_is_canceled_and_holds_nobody_up() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    let connection = connection(&small).await;

    assert!(connection.raw().batch_execute("select pg_sleep(3600)").now_or_never().is_none(), "it is sent");
    drop(connection);

    assert!(
        timeout(TEST_TIMEOUT, db::touch_guild(&small, 1.into()))
            .await
            .expect("it does not wait for the query")
            .unwrap()
    );
    let sleeping =
        "select count(*) from pg_stat_activity where query like 'select pg_sleep(3600)%' and state = 'active'";
    while database.text(sleeping).await != "0" {}
}

#[tokio::test]
async fn a_connection_whose_raw_client_was_not_used_goes_back() {
    let database = TestDatabase::new().await;
    let small = small(&database).await;
    let before = backend_pid(&connection(&small).await).await;

    let held = connection(&small).await;
    db::touch_guild(&held, 1.into()).await.unwrap();
    drop(held);
    assert_eq!(backend_pid(&connection(&small).await).await, before);

    let _ = connection(&small).await.raw();
    assert_ne!(backend_pid(&connection(&small).await).await, before);
}
