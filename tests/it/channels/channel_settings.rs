//! `update_channel_settings` and `set_channel_settings`.

use clip_saver_db::{Channel, ChannelId, ChannelSettings, ErrorKind, Settings, repositories as db};

use crate::channels::batch::UNUSUAL_TEXTS;
use crate::channels::lists::stored_channel;
use crate::channels::writes::fifty_at_once;
use crate::support::{TestDatabase, assert_error, changed, channel, guild, json};

async fn with_stored_settings(settings: &str) -> (TestDatabase, ChannelId) {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channel = channel(&database, guild, 2001).await;
    database.execute(&format!("update bot_channels set settings = '{settings}'")).await;
    (database, channel)
}

/// Checks that the returned row equals the stored one, and returns its settings.
async fn check_stored(database: &TestDatabase, returned: Option<ChannelSettings>) -> Settings {
    let returned = returned.expect("the channel is stored");
    let stored = stored_channel(database, 2001.into()).await;
    let Channel { channel_id, settings, updated_at, .. } = stored;
    assert_eq!(returned, ChannelSettings::new(channel_id, settings, updated_at));
    returned.settings
}

#[tokio::test]
async fn update_replaces_top_level_keys_and_keeps_the_others() {
    let (database, channel) = with_stored_settings(r#"{"kept": 1, "clip": {"max": 60}}"#).await;
    let before = stored_channel(&database, channel).await;

    let patch = json(r#"{"clip": {"min": 5}, "new": [1, "a"]}"#);
    let returned = db::update_channel_settings(&*database, channel, &patch).await.unwrap();

    let settings = check_stored(&database, returned).await;
    assert_eq!(settings, json(r#"{"kept": 1, "clip": {"min": 5}, "new": [1, "a"]}"#));
    let stored = stored_channel(&database, channel).await;
    assert_eq!(stored, changed!(before, settings, updated_at = stored.updated_at));
}

#[tokio::test]
async fn update_stores_null_as_null() {
    let (database, channel) = with_stored_settings(r#"{"a": 1, "b": 2}"#).await;

    let returned = db::update_channel_settings(&*database, channel, &json(r#"{"a": null}"#)).await.unwrap();

    assert_eq!(check_stored(&database, returned).await, json(r#"{"a": null, "b": 2}"#));
    assert_eq!(database.text("select settings ? 'a' from bot_channels").await, "t");
}

#[tokio::test]
async fn update_replaces_a_stored_value_that_is_not_an_object() {
    for stored in ["[1, 2]", "null", "5", r#""text""#] {
        let (database, channel) = with_stored_settings(stored).await;

        let returned = db::update_channel_settings(&*database, channel, &json(r#"{"a": 1}"#)).await.unwrap();

        assert_eq!(check_stored(&database, returned).await, json(r#"{"a": 1}"#), "{stored}");
    }
}

#[tokio::test]
async fn an_empty_patch_keeps_the_settings_and_still_counts_as_a_write() {
    let (database, channel) = with_stored_settings(r#"{"a": 1}"#).await;
    let before = stored_channel(&database, channel).await;

    let returned = db::update_channel_settings(&*database, channel, &json("{}")).await.unwrap();

    assert_eq!(check_stored(&database, returned).await, json(r#"{"a": 1}"#));
    assert!(stored_channel(&database, channel).await.updated_at > before.updated_at);
}

#[tokio::test]
async fn set_replaces_the_whole_settings() {
    for stored in [r#"{"gone": 1, "a": {"gone": 1}}"#, "[1]"] {
        let (database, channel) = with_stored_settings(stored).await;
        let before = stored_channel(&database, channel).await;

        let new = json(r#"{"a": {"b": null}}"#);
        let returned = db::set_channel_settings(&*database, channel, &new).await.unwrap();

        assert_eq!(check_stored(&database, returned).await, new);
        let after = stored_channel(&database, channel).await;
        assert_eq!(after, changed!(before, settings = new, updated_at = after.updated_at));
    }
}

#[tokio::test]
async fn concurrent_patches_are_all_stored() {
    let (database, channel) = with_stored_settings("{}").await;

    fifty_at_once(&database, "select from bot_channels for update", |database, caller| async move {
        let patch = json(&format!(r#"{{"key{caller}": {caller}}}"#));
        db::update_channel_settings(&database, channel, &patch).await.unwrap()
    })
    .await;

    let settings = stored_channel(&database, channel).await.settings;
    for caller in 0..50 {
        assert_eq!(settings.get::<u64>(&format!("key{caller}")).unwrap(), Some(caller));
    }
}

#[tokio::test]
async fn settings_that_cannot_be_stored_are_refused_the_error_names_the_field_and_nothing_changes() {
    let (database, channel) = with_stored_settings(r#"{"a": 1}"#).await;
    let before = stored_channel(&database, channel).await;

    for settings in [r#"{"a": "\u0000"}"#, r#"{"a\u0000": 1}"#, r#"{"a": "\udbff"}"#, "[]", "null", r#""{}""#] {
        let settings = json(settings);
        for (function, field, refused) in [
            ("update_channel_settings", "patch", db::update_channel_settings(&*database, channel, &settings).await),
            ("set_channel_settings", "settings", db::set_channel_settings(&*database, channel, &settings).await),
        ] {
            assert_error(&refused.unwrap_err(), ErrorKind::InvalidInput, function, field);
        }
    }
    assert_eq!(stored_channel(&database, channel).await, before);
}

#[tokio::test]
async fn unusual_texts_in_settings_are_read_back_unchanged() {
    let (database, channel) = with_stored_settings("{}").await;
    let settings: serde_json::Map<String, serde_json::Value> =
        UNUSUAL_TEXTS.into_iter().map(|text| (text.to_owned(), text.into())).collect();

    let set = db::set_channel_settings(&*database, channel, &settings.clone().into()).await.unwrap();
    assert_eq!(check_stored(&database, set).await.parse::<serde_json::Map<_, _>>().unwrap(), settings);

    let updated = db::update_channel_settings(&*database, channel, &settings.clone().into()).await.unwrap();
    assert_eq!(check_stored(&database, updated).await.parse::<serde_json::Map<_, _>>().unwrap(), settings);
}
