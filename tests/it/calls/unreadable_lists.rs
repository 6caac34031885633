//! Lists with rows that cannot be read: the others are returned, and programs and operators see that some are left out.

use clip_saver_db::{ErrorKind, UnreadableRow, repositories as db};

use super::observability::{Metrics, Recording, assert_fields};
use crate::support::{TestDatabase, assert_fails, channel, guild, queued_run, reading_channel};

/// A guild with one good channel, and `bad` channels whose ids are not snowflakes.
async fn with_bad_channels(bad: u32) -> TestDatabase {
    let database = TestDatabase::new().await;
    reading_channel(&database).await;
    database
        .execute(&format!(
            "insert into bot_channels (channel_id, guild_id, is_reading)
             select 'bad ' || n, '1001', true from generate_series(1, {bad}) n"
        ))
        .await;
    database
}

#[tokio::test]
async fn a_list_returns_the_499_channels_that_can_be_read_and_leaves_out_the_one_that_cannot() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    for id in 1..500 {
        channel(&database, guild, id).await;
    }
    database.execute("insert into bot_channels (channel_id, guild_id) values ('', '1001')").await;

    assert_eq!(db::get_channels_by_guild(&*database, guild).await.unwrap().len(), 499);

    let unreadable = db::get_unreadable_rows(&*database, 10).await.unwrap();
    assert_eq!(unreadable.len(), 1);
    let UnreadableRow { table, key, column, value, reason, .. } = &unreadable[0];
    assert_eq!([table, key, column, value], ["bot_channels", "", "channel_id", ""]);
    assert_eq!(reason, "is not a Discord snowflake");
}

#[tokio::test]
async fn a_row_that_a_list_leaves_out_is_logged_with_column_key_and_reason() {
    let database = with_bad_channels(1).await;
    let (recording, _guard) = Recording::start();

    db::get_reading_channels(&*database, 1001.into()).await.unwrap();

    let warnings = recording.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0]["error"].contains("\"bad 1\" is not a valid ChannelId"), "{warnings:?}");
    assert!(warnings[0]["row"].contains("bot_channels.channel_id of row"), "{warnings:?}");
    assert!(warnings[0]["message"].contains("`clip-db unreadable`"), "{warnings:?}");
    assert_fields(&warnings[0], &[("query", "get_reading_channels")]);
}

#[tokio::test]
async fn of_ten_thousand_unreadable_rows_ten_are_logged_and_all_are_counted() {
    let database = with_bad_channels(10_000).await;
    let counted = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let (recording, _guard) = Recording::start();

    assert_eq!(db::get_channels_by_guild(&*database, 1001.into()).await.unwrap().len(), 1);

    let warnings: Vec<_> =
        recording.warnings().into_iter().filter(|warning| warning["message"].contains("left out")).collect();
    assert_eq!(warnings.len(), 11, "{warnings:?}");
    assert_fields(&warnings[10], &[("query", "get_channels_by_guild"), ("more", "9990")]);
    assert_eq!(counted.of("db.client.unreadable_rows get_channels_by_guild"), "10000");
}

#[tokio::test]
async fn a_list_of_runs_leaves_out_a_run_whose_time_cannot_be_read() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let (good, bad) = (queued_run(&database, channel).await, queued_run(&database, channel).await);
    database.execute(&format!("update bot_channel_scan_runs set started_at = 'infinity' where id = '{bad}'")).await;

    let runs = db::get_scan_runs(&*database, channel, 10).await.unwrap();

    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [good]);
    assert_fails(&db::get_scan_run(&*database, bad).await, ErrorKind::UnreadableRow, "get_scan_run");
    assert_eq!(db::get_unreadable_rows(&*database, 10).await.unwrap()[0].key, bad.to_string());
}

#[tokio::test]
async fn a_list_fails_if_a_column_has_a_type_that_no_row_can_be_read_with() {
    let database = TestDatabase::new().await;
    reading_channel(&database).await;
    database.execute("alter table bot_channels alter message_count type numeric").await;

    let listed = db::get_channels_by_guild(&*database, 1001.into()).await;

    assert_fails(&listed, ErrorKind::Database, "get_channels_by_guild");
    assert!(listed.unwrap_err().to_string().contains("numeric"));
}

#[tokio::test]
async fn unreadable_rows_are_limited_and_those_that_others_refer_to_come_first() {
    let database = with_bad_channels(3).await;
    database
        .execute("insert into bot_channel_scan_runs (channel_id) select channel_id from bot_channels where not channel_id ~ '^\\d'")
        .await;

    let shown = |limit| {
        let db = database.db.clone();
        async move {
            let rows = db::get_unreadable_rows(&db, limit).await.unwrap();
            rows.into_iter().map(|row| row.table).collect::<Vec<_>>()
        }
    };

    assert_eq!(shown(2).await, ["bot_channels"; 2]);
    assert_eq!(shown(0).await, [""; 0]);
    let all = shown(100).await;
    assert_eq!(all[..3], ["bot_channels"; 3]);
    assert_eq!(all[3..], ["bot_channel_scan_runs"; 3]);
}
