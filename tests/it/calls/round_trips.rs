//! How many round trips a call takes. `PDS` prepares a statement, `BES` runs a prepared one, `PBDES` runs an unnamed one.

use clip_saver_db::{Db, repositories as db};
use futures::future::try_join_all;

use crate::calls::joined_calls::{SCAN_RESULTS, scan};
use crate::support::proxy::Proxy;
use crate::support::{TestDatabase, concurrently, guild, queued_run, reading_channel};

#[tokio::test]
async fn a_start_on_an_up_to_date_database_takes_one_connection_and_two_round_trips() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;

    let db = Db::connect(proxy.config()).await.unwrap();
    db.migrate().await.unwrap();

    assert_eq!(proxy.traffic().len(), 1);
    // Asks what the session has got and for a pooler, then for the tables and the applied migrations.
    assert_eq!(proxy.flights(), ["PBDES".repeat(2), "PBDES".repeat(2)]);
}

#[tokio::test]
async fn a_read_takes_one_round_trip_once_its_statement_is_prepared() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;

    db::get_guild(&db, guild).await.unwrap();
    assert_eq!(proxy.flights(), ["PDS", "BES"]);
    proxy.clear_traffic();
    db::get_guild(&db, guild).await.unwrap();

    assert_eq!(proxy.flights(), ["BES"]);
}

#[tokio::test]
async fn reads_of_many_tasks_are_sent_together_on_one_connection() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;
    db::get_guild(&db, guild).await.unwrap();
    proxy.clear_traffic();

    let read = |_| {
        let db = db.clone();
        async move { db::get_guild(&db, guild).await.unwrap().unwrap().guild_id }
    };
    assert_eq!(concurrently(64, read).await, [guild; 64]);

    assert_eq!(proxy.flights(), ["BES".repeat(64)]);
}

#[tokio::test]
async fn writes_of_many_tasks_do_not_share_a_connection() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(4).await;
    drop(try_join_all((0..4).map(|_| db.connection())).await.unwrap()); // four are open

    let write = |_| {
        let db = db.clone();
        async move { db::touch_guild(&db, guild).await.unwrap() }
    };
    assert_eq!(concurrently(4, write).await, [true; 4]);

    let each: Vec<_> = proxy.traffic().into_iter().map(|connection| connection.flights).collect();
    assert_eq!(each, [["PDS", "BES"]; 4]);
}

#[tokio::test]
async fn a_joined_scan_run_takes_one_round_trip_and_three_more_to_prepare_its_statements() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let (first, second) = (queued_run(&database, channel).await, queued_run(&database, channel).await);
    let proxy = Proxy::to(&database.name).await;
    let connection = proxy.pool(1).await.connection().await.unwrap();

    assert_eq!(scan(&connection, first).await, SCAN_RESULTS);
    assert_eq!(proxy.flights(), ["PDS", "BESPDS", &("BES".repeat(10) + "PDS"), "BES"]);
    proxy.clear_traffic();
    assert_eq!(scan(&connection, second).await, SCAN_RESULTS);

    assert_eq!(proxy.flights(), ["BES".repeat(12)]);
}
