//! The functions that change a single channel, and `delete_channels`.

use chrono::{DateTime, Utc};
use clip_saver_db::{Channel, ChannelId, ChannelSnapshot, Db, Transaction, repositories as db};

use crate::channels::lists::stored_channel;
use crate::support::races::{LockHolder, fifty_connections, now};
use crate::support::{TestDatabase, changed, channel, concurrently, guild, json, queued_run, reading_channel};

/// A new database with one stored channel.
async fn one_channel() -> (TestDatabase, ChannelId) {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;
    (database, channel)
}

/// Makes 50 calls, each on its own connection. All wait until the rows that `locking` has locked are released.
pub async fn fifty_at_once<T, F>(database: &TestDatabase, locking: &str, call: impl Fn(Db, u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let db = fifty_connections(database).await;
    let lock_holder = LockHolder::new(database, locking).await;
    let release = async {
        lock_holder.wait_until_blocked(50).await;
        lock_holder.rollback().await;
    };
    tokio::join!(concurrently(50, |caller| call(db.clone(), caller)), release).0
}

/// Runs a write in a transaction. Returns the transaction's time and the stored channel.
async fn after(database: &Db, channel: ChannelId, write: impl AsyncFn(&Transaction)) -> (DateTime<Utc>, Channel) {
    let transaction = database.begin().await.unwrap();
    write(&transaction).await;
    let now = now(&transaction).await;
    transaction.commit().await.unwrap();
    (now, stored_channel(database, channel).await)
}

#[tokio::test]
async fn every_write_sets_updated_at_to_the_transactions_time() {
    async fn check(name: &str, write: impl AsyncFn(&Transaction)) {
        let (database, channel) = one_channel().await;
        let before = stored_channel(&database, channel).await;

        let (now, stored) = after(&database, channel, write).await;

        assert_eq!(stored.updated_at, now, "{name}");
        assert_eq!(stored.created_at, before.created_at, "{name}");
    }
    let id = ChannelId::from(2001);
    let batch = [ChannelSnapshot::new(id, "x", "text")];
    check("upsert_channels_for_guild", async |tx| {
        db::upsert_channels_for_guild(tx, 1001.into(), &batch).await.unwrap();
    })
    .await;
    check("set_channel_reading", async |tx| assert!(db::set_channel_reading(tx, id, true).await.unwrap())).await;
    check("update_channel_cursor", async |tx| assert!(db::update_channel_cursor(tx, id, None).await.unwrap())).await;
    check("update_channel_progress", async |tx| {
        assert!(db::update_channel_progress(tx, id, 0.into(), 0).await.unwrap());
    })
    .await;
    check("touch_channel_activity", async |tx| assert!(db::touch_channel_activity(tx, id).await.unwrap())).await;
    check("increment_channel_message_count", async |tx| {
        assert!(db::increment_channel_message_count(tx, id, 0).await.unwrap());
    })
    .await;
    check("update_channel_settings", async |tx| {
        assert!(db::update_channel_settings(tx, id, &json("{}")).await.unwrap().is_some());
    })
    .await;
    check("set_channel_settings", async |tx| {
        assert!(db::set_channel_settings(tx, id, &json("{}")).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn no_write_changes_another_channel() {
    let (database, id) = one_channel().await;
    let other = channel(&database, 1001.into(), 2002).await;
    let before = stored_channel(&database, other).await;

    db::set_channel_reading(&*database, id, true).await.unwrap();
    db::update_channel_cursor(&*database, id, Some(5.into())).await.unwrap();
    db::update_channel_progress(&*database, id, 7.into(), 1).await.unwrap();
    db::touch_channel_activity(&*database, id).await.unwrap();
    db::increment_channel_message_count(&*database, id, 1).await.unwrap();
    db::update_channel_settings(&*database, id, &json(r#"{"a": 1}"#)).await.unwrap();
    db::set_channel_settings(&*database, id, &json(r#"{"a": 1}"#)).await.unwrap();
    db::delete_channels(&*database, &[id]).await.unwrap();

    assert_eq!(stored_channel(&database, other).await, before);
}

#[tokio::test]
async fn set_channel_reading_sets_the_column_and_is_enabled_and_nothing_else() {
    let (database, channel) = one_channel().await;
    db::set_channel_settings(&*database, channel, &json(r#"{"kept": {"a": 1}, "is_enabled": "no"}"#)).await.unwrap();
    let before = stored_channel(&database, channel).await;

    for is_reading in [true, false, false, true] {
        assert!(db::set_channel_reading(&*database, channel, is_reading).await.unwrap());

        let stored = stored_channel(&database, channel).await;
        let settings = json(&format!(r#"{{"kept": {{"a": 1}}, "is_enabled": {is_reading}}}"#));
        let updated_at = stored.updated_at;
        assert_eq!(stored, changed!(before.clone(), is_reading, settings, updated_at));
    }
}

#[tokio::test]
async fn set_channel_reading_replaces_stored_settings_that_are_not_an_object() {
    for settings in ["[1]", "null", r#""text""#] {
        let (database, channel) = one_channel().await;
        database.execute(&format!("update bot_channels set settings = '{settings}'")).await;

        db::set_channel_reading(&*database, channel, true).await.unwrap();

        assert_eq!(stored_channel(&database, channel).await.settings, json(r#"{"is_enabled": true}"#), "{settings}");
    }
}

#[tokio::test]
async fn the_cursor_is_set_as_given_forward_backward_or_to_none() {
    let (database, channel) = one_channel().await;

    for cursor in [Some(1000), Some(999), Some(u64::MAX), Some(0), None, Some(5)] {
        let cursor = cursor.map(Into::into);
        let (now, stored) = after(&database, channel, async |tx| {
            assert!(db::update_channel_cursor(tx, channel, cursor).await.unwrap());
        })
        .await;

        assert_eq!(stored.last_message_id, cursor);
        assert_eq!(stored.last_scanned_at, Some(now), "{cursor:?}");
        assert_eq!((stored.message_count, stored.last_activity_at), (0, None));
    }
}

#[tokio::test]
async fn touch_channel_activity_sets_last_activity_at_to_now_and_nothing_else() {
    let (database, channel) = one_channel().await;
    let before = stored_channel(&database, channel).await;

    let (now, stored) =
        after(&database, channel, async |tx| assert!(db::touch_channel_activity(tx, channel).await.unwrap())).await;

    assert_eq!(stored, changed!(before, last_activity_at = Some(now), updated_at = now));
}

#[tokio::test]
async fn the_message_count_can_rise_and_fall_and_nothing_else_changes() {
    let (database, channel) = one_channel().await;
    let before = stored_channel(&database, channel).await;

    for (by, message_count) in [(1, 1), (41, 42), (-50, -8), (0, -8)] {
        assert!(db::increment_channel_message_count(&*database, channel, by).await.unwrap());

        let stored = stored_channel(&database, channel).await;
        assert_eq!(stored, changed!(before.clone(), message_count, updated_at = stored.updated_at));
    }
}

#[tokio::test]
async fn a_message_count_beyond_64_bits_gives_an_error_and_nothing_changes() {
    for (stored, by) in [(i64::MAX, 1), (i64::MIN, -1)] {
        let (database, channel) = one_channel().await;
        db::increment_channel_message_count(&*database, channel, stored).await.unwrap();
        let before = stored_channel(&database, channel).await;

        let error = db::increment_channel_message_count(&*database, channel, by).await.unwrap_err();

        assert_eq!((error.function(), error.sqlstate()), (Some("increment_channel_message_count"), Some("22003")));
        assert_eq!(stored_channel(&database, channel).await, before);
    }
}

#[tokio::test]
async fn concurrent_increments_lose_nothing() {
    let (database, channel) = one_channel().await;

    fifty_at_once(&database, "select from bot_channels for update", |database, caller| async move {
        db::increment_channel_message_count(&database, channel, caller.cast_signed()).await.unwrap()
    })
    .await;

    assert_eq!(stored_channel(&database, channel).await.message_count, (0..50).sum::<i64>());
}

#[tokio::test]
async fn writes_to_an_unknown_channel_report_that_it_is_unknown_and_create_nothing() {
    let (database, _) = one_channel().await;
    let unknown = ChannelId::from(7);

    assert!(!db::set_channel_reading(&*database, unknown, true).await.unwrap());
    assert!(!db::update_channel_cursor(&*database, unknown, Some(5.into())).await.unwrap());
    assert!(!db::update_channel_progress(&*database, unknown, 5.into(), 1).await.unwrap());
    assert!(!db::touch_channel_activity(&*database, unknown).await.unwrap());
    assert!(!db::increment_channel_message_count(&*database, unknown, 1).await.unwrap());
    assert_eq!(db::update_channel_settings(&*database, unknown, &json("{}")).await.unwrap(), None);
    assert_eq!(db::set_channel_settings(&*database, unknown, &json("{}")).await.unwrap(), None);
    assert_eq!(db::delete_channels(&*database, &[unknown]).await.unwrap(), 0);
    assert_eq!(database.text("select string_agg(channel_id, ',') from bot_channels").await, "2001");
}

#[tokio::test]
async fn delete_channels_returns_the_number_of_deleted_channels() {
    let (database, first) = one_channel().await;
    let kept = channel(&database, 1001.into(), 2002).await;
    let second = channel(&database, 1001.into(), 2003).await;

    let unknown = ChannelId::from(7);
    assert_eq!(db::delete_channels(&*database, &[second, unknown, first, second]).await.unwrap(), 2);

    let left = db::get_channels_by_guild(&*database, 1001.into()).await.unwrap();
    assert_eq!(left.iter().map(|channel| channel.channel_id).collect::<Vec<_>>(), [kept]);
    assert_eq!(db::delete_channels(&*database, &[second]).await.unwrap(), 0);
}

#[tokio::test]
async fn delete_channels_deletes_the_channels_scan_runs_and_no_others() {
    let database = TestDatabase::new().await;
    let doomed = reading_channel(&database).await;
    let other = channel(&database, 1001.into(), 2002).await;
    db::set_channel_reading(&*database, other, true).await.unwrap();
    let (run, kept) = (queued_run(&database, doomed).await, queued_run(&database, other).await);

    assert_eq!(db::delete_channels(&*database, &[doomed]).await.unwrap(), 1);

    assert_eq!(db::get_scan_run(&*database, run).await.unwrap(), None);
    assert!(db::get_scan_run(&*database, kept).await.unwrap().is_some());
}

#[tokio::test]
async fn delete_channels_with_an_empty_list_deletes_nothing() {
    let (database, _) = one_channel().await;

    assert_eq!(db::delete_channels(&*database, &[]).await.unwrap(), 0);
    assert_eq!(database.text("select count(*) from bot_channels").await, "1");
}
