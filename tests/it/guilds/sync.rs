//! `sync_guild`: a guild with its channels and its owner, in one call.

use clip_saver_db::{ChannelSnapshot, ErrorKind, GuildId, GuildSnapshot, Settings, repositories as db};

use crate::support::races::now;
use crate::support::{TestDatabase, assert_error, changed, channel, guild, json, reading_channel, user};

const USER_SEQUENCE: &str = "select last_value || ' ' || is_called from users_id_seq";

fn channels(ids: impl IntoIterator<Item = u64>) -> Vec<ChannelSnapshot> {
    ids.into_iter().map(|id| ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")).collect()
}

fn snapshot(channels: Vec<ChannelSnapshot>) -> GuildSnapshot {
    changed!(GuildSnapshot::new(1001.into(), "Testers"), channels)
}

fn with_owner(channels: Vec<ChannelSnapshot>) -> GuildSnapshot {
    changed!(snapshot(channels), owner_user_id = Some(7.into()))
}

/// The numbers of guilds, users and channels.
async fn counts(database: &TestDatabase) -> String {
    let guilds_users_channels = "select (select count(*) from bot_guilds) || ' ' || (select count(*) from users)
        || ' ' || (select count(*) from bot_channels)";
    database.text(guilds_users_channels).await
}

#[tokio::test]
async fn sync_guild_stores_a_new_guild_as_given() {
    let database = TestDatabase::new().await;
    let joined_at = Some("2020-02-29T23:59:59.123456Z".parse().unwrap());
    let transaction = database.begin().await.unwrap();

    let guild = changed!(with_owner(Vec::new()), icon = Some("f64c48".into()), joined_at);
    db::sync_guild(&transaction, &guild).await.unwrap();

    let guild = db::get_guild(&transaction, 1001.into()).await.unwrap().unwrap();
    assert_eq!((guild.name.as_str(), guild.icon.as_deref()), ("Testers", Some("f64c48")));
    assert_eq!((guild.owner_user_id, guild.joined_at), (Some(7.into()), joined_at));
    assert_eq!(guild.last_seen_at, Some(now(&transaction).await));
}

#[tokio::test]
async fn sync_guild_sets_a_missing_joined_at_to_now() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    db::sync_guild(&transaction, &snapshot(Vec::new())).await.unwrap();

    let guild = db::get_guild(&transaction, 1001.into()).await.unwrap().unwrap();
    assert_eq!(guild.joined_at, Some(now(&transaction).await));
}

#[tokio::test]
async fn sync_guild_updates_a_known_guild_as_upsert_guild_does() {
    let database = TestDatabase::new().await;
    let joined_at = Some("2020-02-29T23:59:59.123456Z".parse().unwrap());
    let first = changed!(with_owner(Vec::new()), icon = Some("old".into()), joined_at);
    db::sync_guild(&*database, &first).await.unwrap();
    let transaction = database.begin().await.unwrap();

    db::sync_guild(&transaction, &GuildSnapshot::new(1001.into(), "renamed")).await.unwrap();

    let guild = db::get_guild(&transaction, 1001.into()).await.unwrap().unwrap();
    assert_eq!((guild.name.as_str(), guild.icon, guild.owner_user_id), ("renamed", None, None));
    assert_eq!((guild.joined_at, guild.last_seen_at), (joined_at, Some(now(&transaction).await)));
}

#[tokio::test]
async fn sync_guild_replaces_icon_and_owner_of_a_known_guild() {
    let database = TestDatabase::new().await;
    db::sync_guild(&*database, &with_owner(Vec::new())).await.unwrap();
    let second = changed!(snapshot(Vec::new()), icon = Some("new".into()), owner_user_id = Some(8.into()));

    db::sync_guild(&*database, &second).await.unwrap();

    let guild = db::get_guild(&*database, 1001.into()).await.unwrap().unwrap();
    assert_eq!((guild.icon.as_deref(), guild.owner_user_id), (Some("new"), Some(8.into())));
}

#[tokio::test]
async fn sync_guild_stores_an_unknown_owner_with_the_id_only() {
    let database = TestDatabase::new().await;

    db::sync_guild(&*database, &with_owner(Vec::new())).await.unwrap();

    let user = db::get_user(&*database, 7.into()).await.unwrap().unwrap();
    assert_eq!((user.username, user.global_name, user.avatar, user.last_login_at), (None, None, None, None));
}

#[tokio::test]
async fn sync_guild_does_not_change_a_known_owner() {
    let database = TestDatabase::new().await;
    user(&database, 7).await;
    let row = "select row(u.*, u.xmin)::text from users u";
    let before = database.text(row).await;

    db::sync_guild(&*database, &with_owner(Vec::new())).await.unwrap();

    assert_eq!(database.text(row).await, before);
}

#[tokio::test]
async fn sync_guild_uses_up_no_sequence_number_for_a_known_owner() {
    let database = TestDatabase::new().await;
    db::sync_guild(&*database, &with_owner(Vec::new())).await.unwrap();
    let before = database.text(USER_SEQUENCE).await;

    for _ in 0..3 {
        db::sync_guild(&*database, &with_owner(channels([2001]))).await.unwrap();
    }

    assert_eq!(database.text(USER_SEQUENCE).await, before);
}

#[tokio::test]
async fn sync_guild_stores_no_user_for_a_guild_without_an_owner() {
    let database = TestDatabase::new().await;

    db::sync_guild(&*database, &snapshot(channels([2001]))).await.unwrap();

    assert_eq!(counts(&database).await, "1 0 1");
}

#[tokio::test]
async fn sync_guild_stores_each_channel_as_given() {
    let database = TestDatabase::new().await;
    let full = changed!(
        ChannelSnapshot::new(999.into(), "", ""),
        name = Some("a".into()),
        kind = Some("voice".into()),
        is_nsfw = true,
        settings_overrides = Some(json(r#"{"max": 60}"#))
    );
    let bare = changed!(
        ChannelSnapshot::new(1000.into(), "", ""),
        name = None,
        kind = None,
        is_nsfw = false,
        settings_overrides = None
    );

    db::sync_guild(&*database, &snapshot(vec![bare, full])).await.unwrap();

    let stored = db::get_channels_by_guild(&*database, 1001.into()).await.unwrap();
    let [full, bare] = &stored[..] else { panic!("{stored:?}") };
    assert_eq!((full.channel_id, full.name.as_deref(), full.kind.as_deref()), (999.into(), Some("a"), Some("voice")));
    assert_eq!((full.is_nsfw, &full.settings), (true, &json(r#"{"max": 60}"#)));
    assert_eq!((bare.channel_id, bare.name.as_deref(), bare.kind.as_deref()), (1000.into(), None, None));
    assert_eq!((bare.is_nsfw, &bare.settings), (false, &Settings::default()));
}

#[tokio::test]
async fn sync_guild_replaces_a_known_channels_name_type_and_nsfw_and_keeps_the_rest() {
    let database = TestDatabase::new().await;
    let id = reading_channel(&database).await;
    db::update_channel_cursor(&*database, id, Some(5.into())).await.unwrap();
    let before = db::get_channel(&*database, id).await.unwrap().unwrap();
    let replaced = changed!(ChannelSnapshot::new(id, "new", "voice"), is_nsfw = true);

    let transaction = database.begin().await.unwrap();
    db::sync_guild(&transaction, &snapshot(vec![replaced])).await.unwrap();

    let expected = changed!(
        before,
        name = Some("new".into()),
        kind = Some("voice".into()),
        is_nsfw = true,
        updated_at = now(&transaction).await
    );
    assert_eq!(db::get_channel(&transaction, id).await.unwrap(), Some(expected));
}

#[tokio::test]
async fn sync_guild_moves_a_channel_from_another_guild() {
    let database = TestDatabase::new().await;
    let other = guild(&database, 1).await;
    let id = channel(&database, other, 2001).await;

    db::sync_guild(&*database, &snapshot(channels([2001]))).await.unwrap();

    assert_eq!(db::get_channel(&*database, id).await.unwrap().unwrap().guild_id, GuildId::from(1001));
}

#[tokio::test]
async fn sync_guild_does_not_change_channels_that_are_not_in_the_snapshot() {
    let database = TestDatabase::new().await;
    db::sync_guild(&*database, &snapshot(channels([2001]))).await.unwrap();
    let row = "select row(c.*, c.xmin)::text from bot_channels c where channel_id = '2001'";
    let before = database.text(row).await;

    db::sync_guild(&*database, &snapshot(channels([2002]))).await.unwrap();
    db::sync_guild(&*database, &snapshot(Vec::new())).await.unwrap();

    assert_eq!(database.text(row).await, before);
}

#[tokio::test]
async fn sync_guild_merges_overrides_into_the_stored_settings_in_the_order_of_the_batch() {
    let database = TestDatabase::new().await;
    let with = |text: &str| changed!(channels([2001]).remove(0), settings_overrides = Some(json(text)));
    db::sync_guild(&*database, &snapshot(vec![with(r#"{"old": 1, "a": 0}"#)])).await.unwrap();

    let overrides = vec![with(r#"{"a": 1, "b": {"x": 1}}"#), with(r#"{"b": null, "c": 2}"#), with(r#"{"c": 3}"#)];
    db::sync_guild(&*database, &snapshot(overrides)).await.unwrap();

    let stored = db::get_channel(&*database, 2001.into()).await.unwrap().unwrap();
    assert_eq!(stored.settings, json(r#"{"old": 1, "a": 1, "b": null, "c": 3}"#));
}

#[tokio::test]
async fn sync_guild_keeps_stored_settings_without_overrides_and_with_empty_ones() {
    let database = TestDatabase::new().await;
    channel_with_settings(&database, r#"[{"left": "by an older program"}]"#).await;

    for settings_overrides in [None, Some(json("{}"))] {
        let channel = changed!(channels([2001]).remove(0), settings_overrides);
        db::sync_guild(&*database, &snapshot(vec![channel])).await.unwrap();

        let stored = db::get_channel(&*database, 2001.into()).await.unwrap().unwrap();
        assert_eq!(stored.settings, json(r#"[{"left": "by an older program"}]"#));
    }
}

#[tokio::test]
async fn sync_guild_replaces_stored_settings_that_are_not_an_object_with_the_overrides() {
    let database = TestDatabase::new().await;
    for stored in ["[1]", r#""text""#, "1", "null"] {
        channel_with_settings(&database, stored).await;
        let settings_overrides = Some(json(r#"{"a": 1}"#));
        let channel = changed!(channels([2001]).remove(0), settings_overrides);

        db::sync_guild(&*database, &snapshot(vec![channel])).await.unwrap();

        let stored = db::get_channel(&*database, 2001.into()).await.unwrap().unwrap();
        assert_eq!(stored.settings, json(r#"{"a": 1}"#));
    }
}

async fn channel_with_settings(database: &TestDatabase, settings: &str) {
    db::sync_guild(&**database, &snapshot(channels([2001]))).await.unwrap();
    database.execute(&format!("update bot_channels set settings = '{settings}'")).await;
}

#[tokio::test]
async fn sync_guild_refuses_overrides_that_are_not_an_object_and_stores_nothing() {
    let database = TestDatabase::new().await;
    let mut channels = channels([2001, 2002]);
    channels[1].settings_overrides = Some(json("[]"));

    let error = db::sync_guild(&*database, &with_owner(channels)).await.unwrap_err();

    assert_error(&error, ErrorKind::InvalidInput, "sync_guild", "channels[1].settings_overrides");
    assert_eq!(counts(&database).await, "0 0 0");
}
