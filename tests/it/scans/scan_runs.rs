//! Scan runs: enqueueing and reading them.

use clip_saver_db::{ChannelId, ChannelSnapshot, Db, ScanRun, ScanRunId, ScanStatus, repositories as db};

use crate::channels::lists::time;
use crate::support::races::now;
use crate::support::{TestDatabase, changed, channel, concurrently, guild, queued_run, reading_channel};

/// The run as it is stored.
pub async fn stored_run(database: &Db, run: ScanRunId) -> ScanRun {
    db::get_scan_run(database, run).await.expect("the row can be read").expect("the run is stored")
}

/// A new database with one queued run.
pub async fn one_run() -> (TestDatabase, ScanRunId) {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let run = queued_run(&database, channel).await;
    (database, run)
}

/// An id that no run has.
pub fn unknown_run() -> ScanRunId {
    "7711f7d9-34db-4b9a-bf37-cd27cb85937d".parse().expect("the text is a uuid")
}

async fn runs_stored(database: &TestDatabase) -> String {
    database.text("select count(*) from bot_channel_scan_runs").await
}

#[tokio::test]
async fn an_enqueued_run_is_queued_and_starts_after_the_channels_cursor() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    db::update_channel_cursor(&*database, channel, Some(1_090_000_000_000_000_001.into())).await.unwrap();
    let transaction = database.begin().await.unwrap();

    let run = db::enqueue_scan_run(&transaction, channel).await.unwrap().unwrap();

    let created_at = now(&transaction).await;
    transaction.commit().await.unwrap();
    let expected = changed!(
        ScanRun::new(run, channel, created_at),
        after_message_id = Some(1_090_000_000_000_000_001.into()),
        before_message_id = None,
        last_message_id = None,
        status = ScanStatus::Queued,
        messages_scanned = 0,
        messages_matched = 0,
        error_message = None,
        started_at = None,
        finished_at = None
    );
    assert_eq!(stored_run(&database, run).await, expected);
}

#[tokio::test]
async fn a_run_on_a_channel_without_a_cursor_starts_at_the_beginning() {
    let (database, run) = one_run().await;

    assert_eq!(stored_run(&database, run).await.after_message_id, None);
}

#[tokio::test]
async fn enqueue_returns_none_for_an_unknown_channel() {
    let database = TestDatabase::new().await;
    reading_channel(&database).await;

    assert_eq!(db::enqueue_scan_run(&*database, ChannelId::from(7)).await.unwrap(), None);
    assert_eq!(runs_stored(&database).await, "0");
}

#[tokio::test]
async fn enqueue_returns_none_when_the_channel_is_not_reading() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;

    assert_eq!(db::enqueue_scan_run(&*database, channel).await.unwrap(), None);
    assert_eq!(runs_stored(&database).await, "0");
}

#[tokio::test]
async fn a_cursor_is_copied_only_if_it_is_a_snowflake() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;

    for (cursor, copied) in [
        ("0", Some("0")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("18446744073709551616", None),
        ("1000000000000000000000", None),
        ("", None),
        ("abc", None),
        ("NaN", None),
        ("1e30", None),
        (" 5", None),
        ("-5", None),
        ("007", None),
        ("１２３", None),
    ] {
        database.execute(&format!("update bot_channels set last_message_id = '{cursor}'")).await;

        let run = queued_run(&database, channel).await;

        let after = format!("select after_message_id from bot_channel_scan_runs where id = '{run}'");
        assert_eq!(database.value(&after).await.as_deref(), copied, "{cursor:?}");
    }
}

#[tokio::test]
async fn enqueueing_while_the_channel_is_deleted_and_stored_again_gives_no_error() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let snapshot = ChannelSnapshot::new(channel, "x", "text");

    let enqueued = concurrently(32, |caller| {
        let (database, snapshot) = (database.db.clone(), snapshot.clone());
        async move {
            let mut enqueued = 0;
            for _ in 0..25 {
                if caller % 2 == 0 {
                    let run =
                        db::enqueue_scan_run(&database, channel).await.expect("no foreign key error, no deadlock");
                    enqueued += u32::from(run.is_some());
                } else {
                    db::delete_channels(&database, &[channel]).await.expect("no deadlock");
                    db::upsert_channels_for_guild(&database, 1001.into(), std::slice::from_ref(&snapshot))
                        .await
                        .unwrap();
                    db::set_channel_reading(&database, channel, true).await.unwrap();
                }
            }
            enqueued
        }
    })
    .await;

    assert!(enqueued.iter().sum::<u32>() > 0, "some calls found the channel");
}

#[tokio::test]
async fn every_column_of_a_run_is_read() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let id = unknown_run();
    database
        .execute(&format!(
            "insert into bot_channel_scan_runs (
               id, channel_id, after_message_id, before_message_id, last_message_id, status, messages_scanned,
               messages_matched, error_message, started_at, finished_at, created_at
             ) values (
               '{id}', '2001', '5', '9', '7', 'failed', 100, 7, '403', '2026-01-02 03:04:05.000001-05', '2026-01-03Z', '2026-01-01Z'
             )"
        ))
        .await;

    let expected = changed!(
        ScanRun::new(id, channel, time("2026-01-01T00:00:00Z")),
        after_message_id = Some(5.into()),
        before_message_id = Some(9.into()),
        last_message_id = Some(7.into()),
        status = ScanStatus::Failed,
        messages_scanned = 100,
        messages_matched = 7,
        error_message = Some("403".into()),
        started_at = Some(time("2026-01-02T08:04:05.000001Z")),
        finished_at = Some(time("2026-01-03T00:00:00Z"))
    );
    assert_eq!(stored_run(&database, id).await, expected);
    assert_eq!(db::get_scan_runs(&*database, channel, 10).await.unwrap(), [expected]);
}

#[tokio::test]
async fn get_scan_run_returns_none_for_an_unknown_run() {
    let (database, _) = one_run().await;

    assert_eq!(db::get_scan_run(&*database, unknown_run()).await.unwrap(), None);
}

#[tokio::test]
async fn runs_of_a_channel_are_listed_newest_first_up_to_the_limit() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let mut runs = Vec::new();
    for day in [3, 1, 4, 2] {
        let run = queued_run(&database, channel).await;
        let made = format!("update bot_channel_scan_runs set created_at = '2026-01-{day}Z' where id = '{run}'");
        database.execute(&made).await;
        runs.push(run);
    }
    let newest_first = [runs[2], runs[0], runs[3], runs[1]];

    for limit in [0, 1, 3, 4, 5, u32::MAX] {
        let listed = db::get_scan_runs(&*database, channel, limit).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|run| run.id).collect();
        assert_eq!(listed, newest_first[..newest_first.len().min(limit as usize)], "{limit}");
    }
}

#[tokio::test]
async fn runs_of_other_channels_are_not_listed() {
    let (database, run) = one_run().await;
    let other = channel(&database, 1001.into(), 2002).await;
    db::set_channel_reading(&*database, other, true).await.unwrap();
    queued_run(&database, other).await;

    let listed = db::get_scan_runs(&*database, 2001.into(), 10).await.unwrap();

    assert_eq!(listed.iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
    assert_eq!(db::get_scan_runs(&*database, 7.into(), 10).await.unwrap(), []);
}
