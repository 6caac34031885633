//! Guilds, one at a time.

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, Client, ErrorKind, Guild, GuildId, GuildSnapshot, repositories as db};

use crate::support::races::now;
use crate::support::{TestDatabase, assert_error, changed, channel, guild, json, queued_run, user};

const GUILD: u64 = 1001;

fn named(name: &str) -> GuildSnapshot {
    GuildSnapshot::new(GUILD.into(), name)
}

async fn stored(client: &impl Client) -> Guild {
    db::get_guild(client, GUILD.into()).await.unwrap().expect("the guild is stored")
}

fn long_ago() -> DateTime<Utc> {
    "2020-02-29T23:59:59.123456Z".parse().unwrap()
}

#[tokio::test]
async fn get_guild_returns_none_for_an_unknown_guild() {
    let database = TestDatabase::new().await;

    assert_eq!(db::get_guild(&*database, GUILD.into()).await.unwrap(), None);
}

#[tokio::test]
async fn get_guilds_returns_every_guild_ordered_by_id_as_a_number() {
    let database = TestDatabase::new().await;
    for id in [1000, 999, u64::MAX, 0, 10] {
        guild(&database, id).await;
    }

    let guilds = db::get_guilds(&*database).await.unwrap();

    let ids: Vec<u64> = guilds.iter().map(|guild| guild.guild_id.get()).collect();
    assert_eq!(ids, [0, 10, 999, 1000, u64::MAX]);
}

#[tokio::test]
async fn a_guild_whose_stored_owner_is_not_a_snowflake_gives_a_typed_error_for_that_guild_only() {
    let database = TestDatabase::new().await;
    guild(&database, 2).await;
    database.execute("insert into users (discord_user_id) values ('NaN')").await;
    database.execute("insert into bot_guilds (guild_id, name, owner_user_id) values ('1001', 'x', 'NaN')").await;

    let error = db::get_guild(&*database, GUILD.into()).await.unwrap_err();

    assert_error(&error, ErrorKind::UnreadableRow, "get_guild", r#"bot_guilds.owner_user_id of row "1001""#);
    assert!(db::get_guild(&*database, 2.into()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_stored_time_that_chrono_cannot_hold_gives_a_typed_error() {
    let database = TestDatabase::new().await;
    guild(&database, GUILD).await;
    for time in ["infinity", "-infinity", "290000-01-01"] {
        database.execute(&format!("update bot_guilds set last_seen_at = '{time}'")).await;

        let error = db::get_guild(&*database, GUILD.into()).await.unwrap_err();

        assert!(error.kind() == ErrorKind::UnreadableRow && error.function() == Some("get_guild"), "{time}: {error:?}");
    }
}

#[tokio::test]
async fn upsert_guild_stores_a_new_guild_as_given() {
    let database = TestDatabase::new().await;
    let owner = user(&database, 7).await;
    let snapshot = changed!(
        named("Testers"),
        icon = Some("f64c48".into()),
        owner_user_id = Some(owner),
        joined_at = Some(long_ago())
    );

    db::upsert_guild(&*database, &snapshot).await.unwrap();

    let guild = stored(&*database).await;
    assert_eq!((guild.guild_id.get(), guild.name.as_str(), guild.icon.as_deref()), (GUILD, "Testers", Some("f64c48")));
    assert_eq!((guild.owner_user_id, guild.joined_at), (Some(owner), Some(long_ago())));
}

#[tokio::test]
async fn upsert_guild_sets_a_missing_joined_at_to_now() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    db::upsert_guild(&transaction, &named("new")).await.unwrap();

    let guild = stored(&transaction).await;
    assert_eq!(guild.joined_at, Some(now(&transaction).await));
    assert_eq!(guild.last_seen_at, Some(now(&transaction).await));
}

#[tokio::test]
async fn upsert_guild_replaces_name_icon_and_owner() {
    let database = TestDatabase::new().await;
    let (old, new) = (user(&database, 7).await, user(&database, 8).await);
    let first = changed!(named("old"), icon = Some("old".into()), owner_user_id = Some(old));
    db::upsert_guild(&*database, &first).await.unwrap();
    let second = changed!(named("new"), icon = Some("new".into()), owner_user_id = Some(new));

    db::upsert_guild(&*database, &second).await.unwrap();

    let guild = stored(&*database).await;
    assert_eq!((guild.name.as_str(), guild.icon.as_deref(), guild.owner_user_id), ("new", Some("new"), Some(new)));
}

#[tokio::test]
async fn upsert_guild_clears_a_missing_icon_or_owner() {
    let database = TestDatabase::new().await;
    let owner = Some(user(&database, 7).await);
    let first = changed!(named("x"), icon = Some("x".into()), owner_user_id = owner);
    db::upsert_guild(&*database, &first).await.unwrap();

    db::upsert_guild(&*database, &named("x")).await.unwrap();

    let guild = stored(&*database).await;
    assert_eq!((guild.icon, guild.owner_user_id), (None, None));
}

#[tokio::test]
async fn upsert_guild_sets_last_seen_at_to_now() {
    let database = TestDatabase::new().await;
    guild(&database, GUILD).await;
    let transaction = database.begin().await.unwrap();

    db::upsert_guild(&transaction, &named("again")).await.unwrap();

    let guild = stored(&transaction).await;
    assert_eq!(guild.last_seen_at, Some(now(&transaction).await));
}

#[tokio::test]
async fn upsert_guild_keeps_the_stored_joined_at_whatever_is_given() {
    let database = TestDatabase::new().await;
    let first = changed!(named("x"), joined_at = Some(long_ago()));
    db::upsert_guild(&*database, &first).await.unwrap();

    for joined_at in [None, Some(Utc::now())] {
        db::upsert_guild(&*database, &changed!(first.clone(), joined_at)).await.unwrap();

        assert_eq!(stored(&*database).await.joined_at, Some(long_ago()));
    }
}

#[tokio::test]
async fn upsert_guild_does_not_store_the_snapshots_channels() {
    let database = TestDatabase::new().await;
    let channels = vec![ChannelSnapshot::new(2001.into(), "general", "text")];

    db::upsert_guild(&*database, &changed!(named("x"), channels)).await.unwrap();

    assert_eq!(database.text("select count(*) from bot_channels").await, "0");
}

#[tokio::test]
async fn an_unknown_owner_gives_a_foreign_key_error_that_names_function_and_constraint() {
    let database = TestDatabase::new().await;
    let guild = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));

    let error = db::upsert_guild(&*database, &guild).await.unwrap_err();

    assert!(error.kind() == ErrorKind::ForeignKeyViolation);
    assert_eq!(error.function(), Some("upsert_guild"));
    assert_eq!(error.constraint(), Some("bot_guilds_owner_user_id_fkey"));
    assert_eq!(error.sqlstate(), Some("23503"));
    assert!(!error.is_retryable());
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn an_unknown_owner_does_not_change_a_known_guild() {
    let database = TestDatabase::new().await;
    guild(&database, GUILD).await;
    let before = stored(&*database).await;
    let stranger = changed!(named("other"), owner_user_id = Some(7.into()));

    db::upsert_guild(&*database, &stranger).await.unwrap_err();

    assert_eq!(stored(&*database).await, before);
}

#[tokio::test]
async fn delete_guilds_also_deletes_channels_and_their_scan_runs() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, GUILD).await;
    let channel = channel(&database, guild, 2001).await;
    db::set_channel_reading(&*database, channel, true).await.unwrap();
    queued_run(&database, channel).await;

    db::delete_guilds(&*database, &[guild]).await.unwrap();

    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
    assert_eq!(database.text("select count(*) from bot_channels").await, "0");
    assert_eq!(database.text("select count(*) from bot_channel_scan_runs").await, "0");
}

#[tokio::test]
async fn delete_guilds_keeps_the_settings() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, GUILD).await;
    let settings = db::ensure_guild_settings(&*database, guild, &json(r#"{"prefix": "!"}"#)).await.unwrap();

    db::delete_guilds(&*database, &[guild]).await.unwrap();

    assert_eq!(db::get_guild_settings(&*database, guild).await.unwrap(), Some(settings));
}

#[tokio::test]
async fn delete_guilds_counts_each_existing_guild_once_and_keeps_other_guilds() {
    let database = TestDatabase::new().await;
    for id in [1, 2, 3] {
        guild(&database, id).await;
    }

    let deleted = db::delete_guilds(&*database, &[2.into(), 1.into(), 2.into(), 99.into()]).await.unwrap();

    assert_eq!(deleted, 2);
    assert_eq!(database.text("select string_agg(guild_id, ',') from bot_guilds").await, "3");
}

#[tokio::test]
async fn touch_guild_returns_whether_the_guild_exists() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;

    assert!(db::touch_guild(&*database, guild).await.unwrap());
    assert!(!db::touch_guild(&*database, GuildId::from(2)).await.unwrap());
}

#[tokio::test]
async fn touch_guild_sets_last_seen_at_to_now_and_changes_nothing_else() {
    let database = TestDatabase::new().await;
    guild(&database, GUILD).await;
    let before = stored(&*database).await;
    let transaction = database.begin().await.unwrap();

    db::touch_guild(&transaction, GUILD.into()).await.unwrap();

    let after = stored(&transaction).await;
    assert_eq!(after, changed!(before, last_seen_at = Some(now(&transaction).await)));
}

#[tokio::test]
async fn touch_guild_does_not_change_other_guilds() {
    let database = TestDatabase::new().await;
    let other = guild(&database, 2).await;
    guild(&database, GUILD).await;
    let before = db::get_guild(&*database, other).await.unwrap();

    db::touch_guild(&*database, GUILD.into()).await.unwrap();

    assert_eq!(db::get_guild(&*database, other).await.unwrap(), before);
}
