//! How often the network is waited for. `PDS` prepares a statement, `BES` runs a prepared one, `PBDES` one that is not kept.

use clip_saver_db::{Client, Db, ScanIncrement, ScanRunId, repositories as db};
use futures::future::{BoxFuture, FutureExt as _, try_join_all};

use crate::proxy::Proxy;
use crate::support::{TestDatabase, guild, queued_run, reading_channel};

#[tokio::test]
async fn a_start_on_an_up_to_date_database_is_a_connection_and_one_round_trip() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;

    let db = Db::connect(proxy.config()).await.unwrap();
    db.migrate().await.unwrap();

    assert_eq!(proxy.traffic().len(), 1);
    assert_eq!(proxy.flights(), ["PBDES"]);
}

#[tokio::test]
async fn a_read_is_one_round_trip_once_its_statement_is_prepared() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;

    db::get_guild(&db, guild).await.unwrap();
    assert_eq!(proxy.flights(), ["PDS", "BES"]);
    proxy.forget();
    db::get_guild(&db, guild).await.unwrap();

    assert_eq!(proxy.flights(), ["BES"]);
}

#[tokio::test]
async fn reads_of_many_tasks_are_one_flight_of_one_connection() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;
    db::get_guild(&db, guild).await.unwrap();
    proxy.forget();

    try_join_all((0..100).map(|_| db::get_guild(&db, guild))).await.unwrap();

    assert_eq!(proxy.flights(), ["BES".repeat(100)]);
}

/// A scan run in joined calls: it starts, counts ten pages, and ends. Returns the messages that each page came to.
async fn scan(client: &impl Client, run: ScanRunId) -> Vec<i64> {
    let page = ScanIncrement { scanned: 100, matched: 1 };
    let mut calls: Vec<BoxFuture<'_, Result<i64, clip_saver_db::Error>>> =
        vec![async { Ok(i64::from(db::mark_scan_started(client, run).await?)) }.boxed()];
    for _ in 0..10 {
        let count = async { Ok(db::update_scan_progress(client, run, page).await?.unwrap().messages_scanned) };
        calls.push(count.boxed());
    }
    calls.push(async { Ok(i64::from(db::mark_scan_succeeded(client, run).await?)) }.boxed());
    try_join_all(calls).await.unwrap()
}

const PAGES: [i64; 12] = [1, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1];

#[tokio::test]
async fn a_joined_scan_run_is_one_round_trip_and_three_more_for_its_statements() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let (first, second) = (queued_run(&database, channel).await, queued_run(&database, channel).await);
    let proxy = Proxy::to(&database.name).await;
    let connection = proxy.pool(1).await.connection().await.unwrap();

    assert_eq!(scan(&connection, first).await, PAGES);
    assert_eq!(proxy.flights(), ["PDS", "BESPDS", &("BES".repeat(10) + "PDS"), "BES"]);
    proxy.forget();
    assert_eq!(scan(&connection, second).await, PAGES);

    assert_eq!(proxy.flights(), ["BES".repeat(12)]);
}
