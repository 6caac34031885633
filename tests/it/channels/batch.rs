//! `upsert_channels_for_guild`: one statement for many channels, also with concurrent callers.

use clip_saver_db::{ChannelSnapshot, ErrorKind, repositories as db};

use crate::channels::lists::stored_channel;
use crate::channels::writes::fifty_at_once;
use crate::support::races::LockHolder;
use crate::support::{TestDatabase, channel, concurrently, guild, json};

fn batch(ids: impl IntoIterator<Item = u64>) -> Vec<ChannelSnapshot> {
    ids.into_iter().map(|id| ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")).collect()
}

/// Upserts a batch that must be refused, checks that nothing is stored, and returns the field that the error names.
async fn refused_field(batch: &[ChannelSnapshot]) -> String {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;

    let error = db::upsert_channels_for_guild(&*database, 1001.into(), batch).await.unwrap_err();

    assert_eq!(error.function(), Some("upsert_channels_for_guild"));
    assert_eq!(error.sqlstate(), None, "the batch is not sent");
    assert!(!error.is_retryable());
    assert_eq!(database.text("select count(*) from bot_channels").await, "0");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.field().expect("the error names the field").to_owned()
}

#[tokio::test]
async fn a_zero_character_in_a_name_is_refused_and_the_error_names_the_field() {
    let mut batch = batch(1..=4);
    batch[3].name = Some("a\0b".into());

    assert_eq!(refused_field(&batch).await, "channels[3].name");
}

#[tokio::test]
async fn a_zero_character_in_a_type_is_refused_and_the_error_names_the_field() {
    let mut batch = batch(1..=4);
    batch[1].kind = Some("\0".into());

    assert_eq!(refused_field(&batch).await, "channels[1].kind");
}

#[tokio::test]
async fn overrides_that_cannot_be_stored_are_refused_and_the_error_names_the_field() {
    for overrides in [r#"{"a": "\u0000"}"#, r#"{"\u0000": 1}"#, r#"{"a": "\ud800"}"#, r#"{"a": "\udc00\ud800"}"#] {
        let mut batch = batch(1..=2);
        batch[0].settings_overrides = Some(json(overrides));

        assert_eq!(refused_field(&batch).await, "channels[0].settings_overrides", "{overrides}");
    }
}

#[tokio::test]
async fn overrides_that_are_not_an_object_are_refused_and_the_error_names_the_field() {
    for overrides in ["[]", "null", "1", r#""{}""#] {
        let mut batch = batch(1..=2);
        batch[1].settings_overrides = Some(json(overrides));

        assert_eq!(refused_field(&batch).await, "channels[1].settings_overrides", "{overrides}");
    }
}

#[tokio::test]
async fn nothing_of_a_batch_is_stored_if_the_database_refuses_a_row() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let known = channel(&database, guild, 1).await;
    let before = stored_channel(&database, known).await;
    database.execute("alter table bot_channels add constraint no_bad_names check (name <> 'bad')").await;
    let mut batch = batch(1..=100);
    batch[0].name = Some("new".into());
    batch[99].name = Some("bad".into());

    let error = db::upsert_channels_for_guild(&*database, guild, &batch).await.unwrap_err();

    assert!(error.kind() == ErrorKind::CheckViolation, "{error:?}");
    assert_eq!((error.constraint(), error.sqlstate()), (Some("no_bad_names"), Some("23514")));
    assert_eq!(database.text("select count(*) from bot_channels").await, "1");
    assert_eq!(stored_channel(&database, known).await, before);
}

#[tokio::test]
async fn ten_thousand_channels_are_written_in_one_transaction() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let mut channels = batch(1..=10_000);
    for channel in &mut channels {
        channel.settings_overrides = Some(json(r#"{"is_enabled": false}"#));
    }

    assert_eq!(db::upsert_channels_for_guild(&*database, guild, &channels).await.unwrap(), 10_000);
    assert_eq!(db::upsert_channels_for_guild(&*database, guild, &channels).await.unwrap(), 10_000);

    assert_eq!(db::count_channels_by_guild(&*database, guild).await.unwrap(), 10_000);
    let right = "select bool_and(name = 'channel ' || channel_id and settings = '{\"is_enabled\": false}')";
    assert_eq!(database.text(&format!("{right} from bot_channels")).await, "t");
    assert_eq!(database.text("select count(distinct xmin::text) from bot_channels").await, "1");
}

#[tokio::test]
async fn new_channels_are_written_in_key_order() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    db::upsert_channels_for_guild(&*database, guild, &batch((1..=2_000).rev())).await.unwrap();

    let in_order = "select array_agg(channel_id order by ctid) = array_agg(channel_id order by channel_id)";
    assert_eq!(database.text(&format!("{in_order} from bot_channels")).await, "t");
}

#[tokio::test]
async fn batches_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    concurrently(40, |caller| {
        let database = database.db.clone();
        let channels = if caller % 2 == 0 { batch(1..=1_000) } else { batch((1..=1_000).rev()) };
        async move { db::upsert_channels_for_guild(&database, guild, &channels).await.expect("no deadlock") }
    })
    .await;

    assert_eq!(db::count_channels_by_guild(&*database, guild).await.unwrap(), 1_000);
}

#[tokio::test]
async fn a_batch_and_a_deletion_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    concurrently(40, |caller| {
        let database = database.db.clone();
        let ids: Vec<_> = (1..=500).rev().map(Into::into).collect();
        async move {
            if caller % 2 == 0 {
                db::upsert_channels_for_guild(&database, guild, &batch(1..=500)).await.expect("no deadlock");
            } else {
                db::delete_channels(&database, &ids).await.expect("no deadlock");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_locks_the_guild_before_its_channels_as_delete_guilds_does() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    db::upsert_channels_for_guild(&*database, guild, &batch(1..=3)).await.unwrap();
    let lock_holder = LockHolder::new(&database, "select from bot_channels where channel_id = '2' for update").await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let upsert = tokio::spawn(async move { db::upsert_channels_for_guild(&one, guild, &batch(1..=4)).await });
    lock_holder.wait_until_blocked(1).await;
    let delete = tokio::spawn(async move { db::delete_guilds(&other, &[guild]).await });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(upsert.await.unwrap().unwrap(), 4);
    assert_eq!(delete.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn concurrent_batches_lose_no_overrides() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    db::upsert_channels_for_guild(&*database, guild, &batch([2001, 2002])).await.unwrap();

    fifty_at_once(&database, "select from bot_channels for update", |database, caller| async move {
        let mut channels = batch([2001, 2002]);
        for channel in &mut channels {
            channel.settings_overrides = Some(json(&format!(r#"{{"key{caller}": {caller}}}"#)));
        }
        db::upsert_channels_for_guild(&database, guild, &channels).await.unwrap()
    })
    .await;

    let keys = "select string_agg(distinct n::text, ',') from (
                  select count(*) as n from bot_channels, jsonb_each(settings) group by channel_id
                ) t";
    assert_eq!(database.text(keys).await, "50");
}

#[tokio::test]
async fn a_batch_that_runs_beside_delete_guilds_succeeds_or_fails_with_a_foreign_key_error() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    concurrently(32, |caller| {
        let database = database.db.clone();
        async move {
            for _ in 0..10 {
                if caller % 4 == 0 {
                    db::delete_guilds(&database, &[guild]).await.expect("no deadlock");
                    crate::support::guild(&database, guild.get()).await;
                    continue;
                }
                let written = db::upsert_channels_for_guild(&database, guild, &batch(1..=100)).await;
                let is_allowed = match &written {
                    Ok(written) => *written == 100,
                    Err(error) => error.kind() == ErrorKind::ForeignKeyViolation,
                };
                assert!(is_allowed, "{written:?}");
            }
        }
    })
    .await;
}

/// Texts that careless code would cut, unescape, normalize or run as SQL.
pub const UNUSUAL_TEXTS: [&str; 14] = [
    "",
    " ",
    "'; drop table bot_channels; --",
    "$1 :name {} %s \\ \\\\ \" ' `",
    "null",
    "{\"a\": [1]}",
    "{1,NULL,\"2\"}",
    "line\nbreak\r\n\ttab",
    "\u{1}\u{7f}\u{85}\u{feff}\u{fffe}\u{ffff}",
    "e\u{301} é \u{1e9b}\u{323}",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🎬",
    "\u{202e}right to left",
    "\u{10ffff}",
    "ｆｕｌｌ ｗｉｄｔｈ １２３",
];

#[tokio::test]
async fn unusual_texts_are_read_back_unchanged() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let long = "ä".repeat(100_000);
    let texts: Vec<&str> = UNUSUAL_TEXTS.into_iter().chain([long.as_str()]).collect();
    let channels: Vec<_> = (1..).zip(&texts).map(|(id, text)| ChannelSnapshot::new(id.into(), *text, *text)).collect();

    db::upsert_channels_for_guild(&*database, guild, &channels).await.unwrap();

    for (id, text) in (1..).zip(&texts) {
        let stored = stored_channel(&database, id.into()).await;
        assert_eq!((stored.name.as_deref(), stored.kind.as_deref()), (Some(*text), Some(*text)));
    }
}

#[tokio::test]
async fn unusual_texts_in_overrides_are_read_back_unchanged() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let settings: serde_json::Map<String, serde_json::Value> =
        UNUSUAL_TEXTS.into_iter().map(|text| (text.to_owned(), text.into())).collect();
    let mut channels = batch([2001]);
    channels[0].settings_overrides = Some(settings.clone().into());

    db::upsert_channels_for_guild(&*database, guild, &channels).await.unwrap();

    let stored = stored_channel(&database, 2001.into()).await.settings;
    assert_eq!(stored.parse::<serde_json::Map<_, _>>().unwrap(), settings);
}
