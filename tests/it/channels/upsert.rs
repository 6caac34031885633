//! `upsert_channels_for_guild`: what a single call stores.

use clip_saver_db::{Channel, ChannelId, ChannelSnapshot, Db, ErrorKind, GuildId, repositories as db};

use crate::channels::lists::stored_channel;
use crate::support::{TestDatabase, changed, channel, guild, json, reading_channel};

/// A snapshot of a channel with overrides.
fn with_overrides(id: u64, overrides: &str) -> ChannelSnapshot {
    changed!(ChannelSnapshot::new(id.into(), "x", "text"), settings_overrides = Some(json(overrides)))
}

async fn upsert(database: &Db, channels: &[ChannelSnapshot]) -> u64 {
    db::upsert_channels_for_guild(database, 1001.into(), channels).await.expect("the channels can be stored")
}

/// Stores a guild and a channel with these settings, as an older program wrote them.
async fn with_stored_settings(settings: &str) -> (TestDatabase, ChannelId) {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;
    database.execute(&format!("update bot_channels set settings = '{settings}'")).await;
    (database, channel)
}

#[tokio::test]
async fn a_new_channel_has_the_given_values_and_the_defaults() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let snapshot = changed!(with_overrides(2001, r#"{"a": 1}"#), is_nsfw = true);

    assert_eq!(upsert(&database, &[snapshot]).await, 1);

    let stored = stored_channel(&database, 2001.into()).await;
    let expected = changed!(
        Channel::new(2001.into(), guild, stored.created_at),
        name = Some("x".into()),
        kind = Some("text".into()),
        is_nsfw = true,
        is_reading = false,
        last_message_id = None,
        last_scanned_at = None,
        last_activity_at = None,
        message_count = 0,
        settings = json(r#"{"a": 1}"#),
        updated_at = stored.created_at
    );
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn a_new_channel_without_overrides_has_empty_settings() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;

    let channel = channel(&database, guild, 2001).await;

    assert_eq!(stored_channel(&database, channel).await.settings, json("{}"));
}

#[tokio::test]
async fn name_type_and_nsfw_are_replaced() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;

    upsert(&database, &[changed!(ChannelSnapshot::new(channel, "new", "voice"), is_nsfw = true)]).await;

    let stored = stored_channel(&database, channel).await;
    assert_eq!((stored.name.as_deref(), stored.kind.as_deref(), stored.is_nsfw), (Some("new"), Some("voice"), true));
}

#[tokio::test]
async fn a_missing_name_or_type_clears_the_stored_one() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;

    upsert(&database, &[changed!(ChannelSnapshot::new(channel, "", ""), name = None, kind = None)]).await;

    let stored = stored_channel(&database, channel).await;
    assert_eq!((stored.name, stored.kind), (None, None));
}

#[tokio::test]
async fn an_upsert_may_move_a_channel_to_another_guild() {
    let database = TestDatabase::new().await;
    let (old, new) = (guild(&database, 1002).await, guild(&database, 1001).await);
    let channel = channel(&database, old, 2001).await;

    upsert(&database, &[ChannelSnapshot::new(channel, "x", "text")]).await;

    assert_eq!(stored_channel(&database, channel).await.guild_id, new);
}

#[tokio::test]
async fn an_upsert_keeps_all_other_columns_of_a_channel() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    db::update_channel_progress(&*database, channel, 999.into(), 250).await.unwrap();
    db::touch_channel_activity(&*database, channel).await.unwrap();
    let before = stored_channel(&database, channel).await;

    upsert(&database, &[ChannelSnapshot::new(channel, "new", "text")]).await;

    let after = stored_channel(&database, channel).await;
    assert!(after.is_reading && after.last_message_id.is_some() && after.last_activity_at.is_some());
    assert_eq!(after, changed!(before, name = Some("new".into()), updated_at = after.updated_at));
}

#[tokio::test]
async fn channels_that_are_not_in_the_batch_do_not_change() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let other = channel(&database, guild, 2002).await;
    let before = stored_channel(&database, other).await;

    upsert(&database, &[with_overrides(2001, r#"{"a": 1}"#)]).await;

    assert_eq!(stored_channel(&database, other).await, before);
}

#[tokio::test]
async fn overrides_are_merged_into_the_stored_settings_key_by_key() {
    let (database, channel) = with_stored_settings(r#"{"kept": 1, "clip": {"max": 60}, "gone": 5}"#).await;

    upsert(&database, &[with_overrides(2001, r#"{"clip": {"min": 5}, "new": [1], "gone": null}"#)]).await;

    let merged = json(r#"{"kept": 1, "clip": {"min": 5}, "new": [1], "gone": null}"#);
    assert_eq!(stored_channel(&database, channel).await.settings, merged);
}

#[tokio::test]
async fn missing_or_empty_overrides_keep_the_stored_settings_whatever_they_are() {
    for settings in [r#"{"a": {"b": null}}"#, r#"["a", 1]"#, "null", "5"] {
        let (database, channel) = with_stored_settings(settings).await;

        upsert(&database, &[ChannelSnapshot::new(channel, "x", "text")]).await;
        assert_eq!(stored_channel(&database, channel).await.settings, json(settings), "None");

        upsert(&database, &[with_overrides(2001, "{}")]).await;
        assert_eq!(stored_channel(&database, channel).await.settings, json(settings), "{{}}");
    }
}

#[tokio::test]
async fn overrides_replace_stored_settings_that_are_not_an_object() {
    for settings in [r#"["a", 1]"#, "null", r#""text""#] {
        let (database, channel) = with_stored_settings(settings).await;

        upsert(&database, &[with_overrides(2001, r#"{"a": 1}"#)]).await;

        assert_eq!(stored_channel(&database, channel).await.settings, json(r#"{"a": 1}"#), "{settings}");
    }
}

#[tokio::test]
async fn the_last_duplicate_wins_and_overrides_are_merged_in_order() {
    let (database, channel) = with_stored_settings(r#"{"stored": 0, "a": 0}"#).await;
    let last = changed!(ChannelSnapshot::new(channel, "last", "voice"), is_nsfw = true);
    let duplicates = [
        with_overrides(2001, r#"{"a": 1, "b": 1, "c": {"x": 1}}"#),
        with_overrides(2001, r#"{"b": 2, "c": {"y": 2}, "d": null}"#),
        with_overrides(2001, "{}"),
        last,
    ];

    assert_eq!(upsert(&database, &duplicates).await, 1);

    let stored = stored_channel(&database, channel).await;
    assert_eq!((stored.name.as_deref(), stored.kind.as_deref(), stored.is_nsfw), (Some("last"), Some("voice"), true));
    assert_eq!(stored.settings, json(r#"{"stored": 0, "a": 1, "b": 2, "c": {"y": 2}, "d": null}"#));
}

#[tokio::test]
async fn the_last_of_many_duplicates_wins_for_a_new_channel_too() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let duplicates: Vec<_> = (0..500).map(|n| with_overrides(2001, &format!(r#"{{"n": {n}, "k{n}": {n}}}"#))).collect();

    assert_eq!(upsert(&database, &duplicates).await, 1);

    let settings = stored_channel(&database, 2001.into()).await.settings;
    assert_eq!(settings.get::<u32>("n").unwrap(), Some(499));
    assert_eq!(database.text("select count(*) from bot_channels, jsonb_object_keys(settings)").await, "501");
}

#[tokio::test]
async fn the_returned_number_counts_each_new_and_known_channel_once() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    channel(&database, guild, 2001).await;
    let batch = [2001, 2002, 2003, 2002, 2001].map(|id| ChannelSnapshot::new(id.into(), "x", "text"));

    assert_eq!(upsert(&database, &batch).await, 3);
    assert_eq!(database.text("select count(*) from bot_channels").await, "3");
}

#[tokio::test]
async fn an_empty_batch_writes_nothing_even_for_an_unknown_guild() {
    let database = TestDatabase::new().await;

    assert_eq!(db::upsert_channels_for_guild(&*database, 1001.into(), &[]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_empty_batch_makes_no_round_trip() {
    let database = TestDatabase::new().await;
    database.close().await;

    assert_eq!(db::upsert_channels_for_guild(&*database, 1001.into(), &[]).await.unwrap(), 0);
    assert_eq!(db::delete_channels(&*database, &[]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_unknown_guild_gives_a_foreign_key_error_and_nothing_is_stored() {
    let database = TestDatabase::new().await;
    let known = guild(&database, 1001).await;
    let moved = channel(&database, known, 2001).await;
    let batch = [2001, 2002].map(|id| ChannelSnapshot::new(id.into(), "new", "text"));

    let error = db::upsert_channels_for_guild(&*database, GuildId::from(7), &batch).await.unwrap_err();

    assert!(error.kind() == ErrorKind::ForeignKeyViolation, "{error:?}");
    assert_eq!(error.function(), Some("upsert_channels_for_guild"));
    assert_eq!(error.constraint(), Some("bot_channels_guild_id_fkey"));
    assert_eq!(error.sqlstate(), Some("23503"));
    assert!(!error.is_retryable());
    assert_eq!(stored_channel(&database, moved).await.guild_id, known);
    assert_eq!(database.text("select count(*) from bot_channels").await, "1");
}
