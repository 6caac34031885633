//! Calls that are joined on one connection: they reach the server in the order in which they were joined, even if their
//! statements must be prepared first.

use clip_saver_db::{
    Client, Connection, Error, GenericClient, MessageId, ScanIncrement, ScanRunId, repositories as db,
};
use futures::future::{BoxFuture, FutureExt as _, join_all, try_join_all};

use crate::support::{TestDatabase, guild, queued_run, reading_channel};

/// Processes a scan run with joined calls: starts it, adds ten pages of 100 messages, and ends it.
pub async fn scan(client: &impl Client, run: ScanRunId) -> Vec<i64> {
    let page = ScanIncrement::scanned(100).with_matched(1);
    let mut calls: Vec<BoxFuture<'_, Result<i64, Error>>> =
        vec![async { Ok(i64::from(db::mark_scan_started(client, run).await?)) }.boxed()];
    for _ in 0..10 {
        let count = async { Ok(db::update_scan_progress(client, run, page).await?.unwrap().messages_scanned) };
        calls.push(count.boxed());
    }
    calls.push(async { Ok(i64::from(db::mark_scan_succeeded(client, run).await?)) }.boxed());
    try_join_all(calls).await.unwrap()
}

/// The results of `scan` if the calls keep their order: started, the sum after each page, succeeded.
pub const SCAN_RESULTS: [i64; 12] = [1, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1];

/// How often a query is prepared on a session.
async fn prepared_count(client: &impl GenericClient, query: &str) -> i64 {
    let count = "select count(*) from pg_prepared_statements where statement like $1";
    client.query_one(count, &[&format!("% /* {query} */ %")]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_joined_scan_run_succeeds_on_a_fresh_connection() {
    let database = TestDatabase::new().await;
    let run = queued_run(&database, reading_channel(&database).await).await;
    let connection = database.connection().await.unwrap();

    assert_eq!(scan(&connection, run).await, SCAN_RESULTS);

    let row = db::get_scan_run(&connection, run).await.unwrap().unwrap();
    assert_eq!((row.status.as_str(), row.messages_scanned, row.messages_matched), ("succeeded", 1000, 10));
}

#[tokio::test]
async fn a_joined_scan_run_succeeds_in_a_fresh_transaction() {
    let database = TestDatabase::new().await;
    let run = queued_run(&database, reading_channel(&database).await).await;
    let transaction = database.begin().await.unwrap();

    assert_eq!(scan(&transaction, run).await, SCAN_RESULTS);
    transaction.commit().await.unwrap();

    let row = db::get_scan_run(&*database, run).await.unwrap().unwrap();
    assert_eq!((row.status.as_str(), row.messages_scanned, row.messages_matched), ("succeeded", 1000, 10));
}

/// A fresh connection on which `update_channel_cursor` is prepared, and `update_channel_progress` is not.
async fn half_prepared(database: &TestDatabase) -> Connection {
    let connection = database.connection().await.unwrap();
    db::update_channel_cursor(&connection, 404.into(), None).await.unwrap();
    connection
}

#[tokio::test]
async fn later_calls_do_not_overtake_a_call_whose_statement_must_be_prepared() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let connection = half_prepared(&database).await;

    let (progress, cursor, touch) = tokio::join!(
        db::update_channel_progress(&connection, channel, 10.into(), 1),
        db::update_channel_cursor(&connection, channel, Some(5.into())),
        db::touch_channel_activity(&connection, channel),
    );

    assert!(progress.unwrap() && cursor.unwrap() && touch.unwrap());
    let channel = db::get_channel(&connection, channel).await.unwrap().unwrap();
    assert_eq!(channel.last_message_id, Some(MessageId::from(5)));
}

/// Uses up what the runtime lets a task do before other tasks get their turn.
async fn use_up_the_budget() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    (0..1000).for_each(|n| sender.send(n).expect("the receiver is open"));
    tokio::task::yield_now().await;
    while tokio::task::coop::has_budget_remaining() {
        receiver.recv().await.expect("more messages are queued than the budget allows");
    }
}

#[tokio::test]
async fn joined_calls_keep_their_order_in_a_task_that_has_used_up_its_budget() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let connection = database.connection().await.unwrap();

    use_up_the_budget().await;
    let (first, last) = tokio::join!(
        db::update_channel_cursor(&connection, channel, Some(10.into())),
        db::update_channel_cursor(&connection, channel, Some(5.into())),
    );

    assert!(first.unwrap() && last.unwrap());
    let channel = db::get_channel(&connection, channel).await.unwrap().unwrap();
    assert_eq!(channel.last_message_id, Some(MessageId::from(5)));
}

#[tokio::test]
async fn joined_calls_of_one_statement_prepare_it_once() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let (connection, transaction) = (database.connection().await.unwrap(), database.begin().await.unwrap());

    join_all((0..50).map(|_| db::touch_guild(&connection, guild))).await;
    join_all((0..50).map(|_| db::get_guild(&transaction, guild))).await;

    assert_eq!(prepared_count(&connection, "touch_guild").await, 1);
    assert_eq!(prepared_count(&transaction, "get_guild").await, 1);
}
