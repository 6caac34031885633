//! The functions of channels and scan runs on each kind of client: `Db`, a connection, a transaction.

use clip_saver_db::{
    ChannelId, ChannelSnapshot, Client, Error, ErrorKind, GuildId, ScanIncrement, ScanProgress, ScanStatus,
    repositories as db,
};

use crate::scans::scan_runs::unknown_run;
use crate::support::{TestDatabase, changed, guild, json};

const GUILD: u64 = 1001;

/// Calls every function of channels and scan runs, and checks what it returns.
async fn call_every_function(client: &impl Client) {
    let (guild, channel) = (GuildId::from(GUILD), ChannelId::from(2001));
    let batch = [channel, 2002.into()].map(|id| ChannelSnapshot::new(id, "x", "text"));
    assert_eq!(db::upsert_channels_for_guild(client, guild, &batch).await.unwrap(), 2);
    assert!(db::set_channel_reading(client, channel, true).await.unwrap());
    assert!(db::update_channel_cursor(client, channel, Some(5.into())).await.unwrap());
    assert!(db::update_channel_progress(client, channel, 7.into(), 2).await.unwrap());
    assert!(db::touch_channel_activity(client, channel).await.unwrap());
    assert!(db::increment_channel_message_count(client, channel, 1).await.unwrap());
    assert!(db::update_channel_settings(client, channel, &json(r#"{"a": 1}"#)).await.unwrap().is_some());
    assert!(db::set_channel_settings(client, channel, &json(r#"{"b": 1}"#)).await.unwrap().is_some());
    assert_eq!(db::delete_channels(client, &[2002.into()]).await.unwrap(), 1);
    assert_eq!(db::get_channel(client, channel).await.unwrap().unwrap().last_message_id, Some(7.into()));
    assert_eq!(db::get_channels_by_guild(client, guild).await.unwrap().len(), 1);
    assert_eq!(db::get_reading_channels(client, guild).await.unwrap().len(), 1);
    assert_eq!(db::count_channels_by_guild(client, guild).await.unwrap(), 1);
    assert_eq!(db::total_message_count(client, guild).await.unwrap(), 3);

    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(db::enqueue_scan_run(client, channel).await.unwrap().unwrap());
    }
    assert!(db::mark_scan_started(client, runs[0]).await.unwrap());
    let progress = db::update_scan_progress(client, runs[0], ScanIncrement::scanned(9).with_matched(1)).await.unwrap();
    assert_eq!(progress, Some(changed!(ScanProgress::default(), messages_scanned = 9, messages_matched = 1)));
    let page = db::record_scan_progress(client, runs[0], channel, 9.into(), ScanIncrement::scanned(1));
    assert_eq!(
        page.await.unwrap(),
        Some(changed!(ScanProgress::default(), messages_scanned = 10, messages_matched = 1))
    );
    assert!(db::mark_scan_succeeded(client, runs[0]).await.unwrap());
    assert!(db::mark_scan_failed(client, runs[1], "403").await.unwrap());
    assert!(db::mark_scan_canceled(client, runs[2]).await.unwrap());
    assert_eq!(db::get_scan_run(client, runs[1]).await.unwrap().unwrap().status, ScanStatus::Failed);
    assert_eq!(db::get_scan_runs(client, channel, 10).await.unwrap().len(), 3);
}

/// The numbers of channels and of their scan runs that other sessions see.
const COUNT_CHANNELS_AND_RUNS: &str =
    "select count(*) || ' ' || coalesce(sum((select count(*) from bot_channel_scan_runs)), 0)
                    from bot_channels";

async fn with_guild() -> TestDatabase {
    let database = TestDatabase::new().await;
    guild(&database, GUILD).await;
    database
}

#[tokio::test]
async fn each_call_on_the_pool_is_committed_and_leaves_no_connection_in_a_transaction() {
    let database = with_guild().await;

    call_every_function(&*database).await;

    assert_eq!(database.text(COUNT_CHANNELS_AND_RUNS).await, "1 3");
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle'
                and pid <> pg_backend_pid() and backend_type = 'client backend'";
    assert_eq!(database.text(open).await, "0");
}

#[tokio::test]
async fn each_call_on_a_connection_is_committed() {
    let database = with_guild().await;
    let connection = database.connection().await.unwrap();

    call_every_function(&connection).await;

    assert_eq!(database.text(COUNT_CHANNELS_AND_RUNS).await, "1 3");
}

#[tokio::test]
async fn other_sessions_see_calls_in_a_transaction_only_after_its_commit() {
    let database = with_guild().await;
    let transaction = database.begin().await.unwrap();

    call_every_function(&transaction).await;

    assert_eq!(database.text(COUNT_CHANNELS_AND_RUNS).await, "0 0");
    transaction.commit().await.unwrap();
    assert_eq!(database.text(COUNT_CHANNELS_AND_RUNS).await, "1 3");
}

#[tokio::test]
async fn a_dropped_transaction_stores_nothing_and_releases_its_locks() {
    let database = with_guild().await;
    let transaction = database.begin().await.unwrap();

    call_every_function(&transaction).await;
    drop(transaction);

    // The next writer waits for the locks of the dropped transaction, if there are any.
    call_every_function(&*database).await;
    assert_eq!(database.text(COUNT_CHANNELS_AND_RUNS).await, "1 3");
}

/// The function that an error of a closed pool names.
fn failed_function<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    error.function().expect("the error names the function")
}

#[tokio::test]
async fn every_error_names_the_function_that_failed() {
    let database = TestDatabase::new().await;
    database.close().await;
    let (db, guild, channel, run) = (&database.db, GuildId::from(GUILD), ChannelId::from(2001), unknown_run());
    let (batch, settings, increment) =
        ([ChannelSnapshot::new(channel, "x", "text")], json("{}"), ScanIncrement::default());

    assert_eq!(failed_function(db::get_channel(db, channel).await), "get_channel");
    assert_eq!(failed_function(db::get_channels_by_guild(db, guild).await), "get_channels_by_guild");
    assert_eq!(failed_function(db::get_reading_channels(db, guild).await), "get_reading_channels");
    assert_eq!(failed_function(db::count_channels_by_guild(db, guild).await), "count_channels_by_guild");
    assert_eq!(failed_function(db::total_message_count(db, guild).await), "total_message_count");
    assert_eq!(failed_function(db::upsert_channels_for_guild(db, guild, &batch).await), "upsert_channels_for_guild");
    assert_eq!(failed_function(db::set_channel_reading(db, channel, true).await), "set_channel_reading");
    assert_eq!(failed_function(db::update_channel_cursor(db, channel, None).await), "update_channel_cursor");
    assert_eq!(failed_function(db::update_channel_progress(db, channel, 1.into(), 1).await), "update_channel_progress");
    assert_eq!(failed_function(db::touch_channel_activity(db, channel).await), "touch_channel_activity");
    assert_eq!(
        failed_function(db::increment_channel_message_count(db, channel, 1).await),
        "increment_channel_message_count"
    );
    assert_eq!(failed_function(db::update_channel_settings(db, channel, &settings).await), "update_channel_settings");
    assert_eq!(failed_function(db::set_channel_settings(db, channel, &settings).await), "set_channel_settings");
    assert_eq!(failed_function(db::delete_channels(db, &[channel]).await), "delete_channels");
    assert_eq!(failed_function(db::enqueue_scan_run(db, channel).await), "enqueue_scan_run");
    assert_eq!(failed_function(db::get_scan_run(db, run).await), "get_scan_run");
    assert_eq!(failed_function(db::get_scan_runs(db, channel, 1).await), "get_scan_runs");
    assert_eq!(failed_function(db::mark_scan_started(db, run).await), "mark_scan_started");
    let page = db::record_scan_progress(db, run, channel, 1.into(), increment).await;
    assert_eq!(failed_function(page), "record_scan_progress");
    assert_eq!(failed_function(db::update_scan_progress(db, run, increment).await), "update_scan_progress");
    assert_eq!(failed_function(db::mark_scan_succeeded(db, run).await), "mark_scan_succeeded");
    assert_eq!(failed_function(db::mark_scan_failed(db, run, "x").await), "mark_scan_failed");
    assert_eq!(failed_function(db::mark_scan_canceled(db, run).await), "mark_scan_canceled");
}
