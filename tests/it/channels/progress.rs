//! `update_channel_progress`: a cursor that never moves back, and a message count.

use clip_saver_db::{ChannelId, repositories as db};

use crate::channels::lists::stored_channel;
use crate::channels::writes::fifty_at_once;
use crate::support::races::now;
use crate::support::{TestDatabase, changed, channel, guild};

/// Stores a channel whose cursor is this text.
async fn with_cursor(cursor: Option<&str>) -> (TestDatabase, ChannelId) {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;
    if let Some(cursor) = cursor {
        database.execute(&format!("update bot_channels set last_message_id = '{cursor}'")).await;
    }
    (database, channel)
}

/// The stored cursor after a call.
async fn cursor_after(stored: Option<&str>, given: u64) -> String {
    let (database, channel) = with_cursor(stored).await;
    assert!(db::update_channel_progress(&*database, channel, given.into(), 1).await.unwrap());
    assert_eq!(stored_channel(&database, channel).await.message_count, 1, "{stored:?} and {given}");
    database.text("select last_message_id from bot_channels").await
}

#[tokio::test]
async fn the_cursor_becomes_the_greater_of_the_two_numbers() {
    for (stored, given, greater) in [
        (None, 0, "0"),
        (Some("999"), 1000, "1000"),
        (Some("1000"), 999, "1000"),
        (Some("1000"), 1000, "1000"),
        (Some("0"), 1, "1"),
        (Some("9223372036854775807"), 9_223_372_036_854_775_808, "9223372036854775808"),
        (Some("18446744073709551615"), 18_446_744_073_709_551_614, "18446744073709551615"),
        (Some("18446744073709551614"), u64::MAX, "18446744073709551615"),
        (Some("18446744073709551615"), u64::MAX, "18446744073709551615"),
    ] {
        assert_eq!(cursor_after(stored, given).await, greater, "{stored:?} and {given}");
    }
}

#[tokio::test]
async fn a_stored_cursor_that_is_not_a_snowflake_counts_as_none() {
    for stored in [
        "",
        "abc",
        "NaN",
        "Infinity",
        "1e30",
        " 5",
        "5 ",
        "5\n",
        "+5",
        "-5",
        "5.0",
        "007",
        "0x10",
        "1_000",
        "１２３",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        "1000000000000000000000000000000000000000000000000000",
    ] {
        assert_eq!(cursor_after(Some(stored), 3).await, "3", "{stored:?}");
    }
}

#[tokio::test]
async fn the_count_is_added_whether_the_cursor_moves_or_not() {
    let (database, channel) = with_cursor(Some("500")).await;

    for (given, count, total) in [(600, 10, 10), (100, 5, 15), (600, 1, 16), (601, 0, 16), (1, -6, 10)] {
        assert!(db::update_channel_progress(&*database, channel, given.into(), count).await.unwrap());
        assert_eq!(stored_channel(&database, channel).await.message_count, total);
    }
    assert_eq!(stored_channel(&database, channel).await.last_message_id, Some(601.into()));
}

#[tokio::test]
async fn last_scanned_at_becomes_now_whether_the_cursor_moves_or_not() {
    let (database, channel) = with_cursor(Some("500")).await;

    for given in [600, 100] {
        let transaction = database.begin().await.unwrap();
        db::update_channel_progress(&transaction, channel, given.into(), 1).await.unwrap();
        let now = now(&transaction).await;
        transaction.commit().await.unwrap();

        assert_eq!(stored_channel(&database, channel).await.last_scanned_at, Some(now));
    }
}

#[tokio::test]
async fn progress_changes_only_the_cursor_the_count_and_the_times() {
    let (database, channel) = with_cursor(None).await;
    let before = stored_channel(&database, channel).await;

    db::update_channel_progress(&*database, channel, 600.into(), 1).await.unwrap();

    let after = stored_channel(&database, channel).await;
    let (last_scanned_at, updated_at) = (after.last_scanned_at, after.updated_at);
    let last_message_id = Some(600.into());
    assert_eq!(after, changed!(before, last_message_id, last_scanned_at, updated_at, message_count = 1));
}

#[tokio::test]
async fn a_count_beyond_64_bits_gives_an_error_and_nothing_changes() {
    let (database, channel) = with_cursor(Some("500")).await;
    db::increment_channel_message_count(&*database, channel, i64::MAX).await.unwrap();
    let before = stored_channel(&database, channel).await;

    let error = db::update_channel_progress(&*database, channel, 600.into(), 1).await.unwrap_err();

    assert_eq!((error.function(), error.sqlstate()), (Some("update_channel_progress"), Some("22003")));
    assert_eq!(stored_channel(&database, channel).await, before);
}

#[tokio::test]
async fn concurrent_calls_lose_no_count_and_the_greatest_cursor_remains() {
    let (database, channel) = with_cursor(None).await;

    fifty_at_once(&database, "select from bot_channels for update", |database, caller| async move {
        // 999 … 1048, unsorted: in this range text order and number order differ.
        let cursor = 999 + (caller * 37) % 50;
        db::update_channel_progress(&database, channel, cursor.into(), 100).await.unwrap()
    })
    .await;

    let stored = stored_channel(&database, channel).await;
    assert_eq!(stored.message_count, 5_000);
    assert_eq!(stored.last_message_id, Some(1048.into()));
}
