//! Limits: the size of the input, the lifetime of connections, the idle time of transactions, the silence of a server.

use std::time::Duration;

use clip_saver_db::{
    ChannelId, ChannelSnapshot, Config, Db, Error, ErrorKind, GuildId, GuildSnapshot, Settings, UserSnapshot,
    repositories as db,
};
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, backend_pid, changed, channel, config, guild, json};

async fn database_with(change: impl Fn(&mut Config)) -> TestDatabase {
    let mut database = TestDatabase::new().await;
    let mut config = config(&database.name);
    change(&mut config);
    database.db = Db::connect(config).await.unwrap();
    database
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, of_field: &str, reason: &str) {
    let error = result.expect_err(of_field);
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(of_field)));
    assert!(error.to_string().contains(reason), "{error}");
}

/// Settings whose JSON text has this many bytes.
fn settings_of(bytes: usize) -> Settings {
    json(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)))
}

#[tokio::test]
async fn settings_of_up_to_256_kib_are_stored() {
    let database = TestDatabase::new().await;

    let stored = db::set_guild_settings(&*database, 1.into(), &settings_of(256 << 10)).await;

    assert!(stored.is_ok());
}

#[tokio::test]
async fn larger_settings_are_refused_by_every_function_that_accepts_settings() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let channel = channel(&database, guild, 2).await;
    let large = settings_of((256 << 10) + 1);
    let reason = "over the limit of 262144: store less, or raise DB_MAX_SETTINGS_BYTES";
    let snapshot = changed!(ChannelSnapshot::new(channel, "c", "text"), settings_overrides = Some(large.clone()));
    let whole = changed!(GuildSnapshot::new(guild, "g"), channels = vec![snapshot.clone()]);

    assert_refused(db::ensure_guild_settings(&*database, guild, &large).await, "defaults", reason);
    assert_refused(db::set_guild_settings(&*database, guild, &large).await, "settings", reason);
    assert_refused(db::update_guild_settings(&*database, guild, &large).await, "patch", reason);
    assert_refused(db::set_channel_settings(&*database, channel, &large).await, "settings", reason);
    assert_refused(db::update_channel_settings(&*database, channel, &large).await, "patch", reason);
    let field = "channels[0].settings_overrides";
    assert_refused(db::upsert_channels_for_guild(&*database, guild, &[snapshot]).await, field, reason);
    assert_refused(db::sync_guild(&*database, &whole).await, field, reason);
}

#[tokio::test]
async fn the_configured_limits_also_hold_on_connections_and_in_transactions() {
    let database = database_with(|config| config.max_settings_bytes = 10).await;
    let (connection, transaction) = (database.connection().await.unwrap(), database.begin().await.unwrap());
    let large = settings_of(11);

    assert_refused(db::set_guild_settings(&*database, 1.into(), &large).await, "settings", "limit of 10:");
    assert_refused(db::set_guild_settings(&connection, 1.into(), &large).await, "settings", "limit of 10:");
    assert_refused(db::set_guild_settings(&transaction, 1.into(), &large).await, "settings", "limit of 10:");
}

#[tokio::test]
async fn a_batch_or_row_that_is_too_large_is_refused_and_the_error_names_the_argument() {
    let database = database_with(|config| config.max_batch_bytes = 100).await;
    let guild = guild(&database, 1).await;
    let reason = "over the limit of 100: write less at a time, or raise DB_MAX_BATCH_BYTES";
    let channels: Vec<_> = (1..6).map(|id| ChannelSnapshot::new(ChannelId::from(id), "c", "text")).collect();
    let guilds: Vec<_> = (1..6).map(|id| GuildSnapshot::new(GuildId::from(id), "g")).collect();
    let users: Vec<_> = (1..6).map(|id| UserSnapshot::new(id.into(), "u")).collect();
    let channel_ids: Vec<_> = (1..7).map(ChannelId::from).collect();
    let guild_ids: Vec<_> = (1..7).map(GuildId::from).collect();
    let whole = changed!(GuildSnapshot::new(guild, "g"), channels = channels.clone());

    assert_refused(db::upsert_channels_for_guild(&*database, guild, &channels).await, "channels", reason);
    assert_refused(db::sync_guild(&*database, &whole).await, "channels", reason);
    assert_refused(db::upsert_guilds(&*database, &guilds).await, "guilds", reason);
    assert_refused(db::upsert_users(&*database, &users).await, "users", reason);
    assert_refused(db::delete_channels(&*database, &channel_ids).await, "channel_ids", reason);
    assert_refused(db::delete_guilds(&*database, &guild_ids).await, "guild_ids", reason);
    let long = GuildSnapshot::new(2.into(), "x".repeat(100));
    assert_refused(db::upsert_guild(&*database, &long).await, "guild", reason);
    let run = clip_saver_db::ScanRunId::from(uuid::Uuid::nil());
    assert_refused(db::mark_scan_failed(&*database, run, &"x".repeat(101)).await, "error_message", reason);
    assert_eq!(database.text("select count(*) from bot_guilds").await, "1");
}

#[tokio::test]
async fn a_connection_is_replaced_after_its_maximum_lifetime() {
    let database = database_with(|config| config.max_lifetime = Some(Duration::from_millis(1))).await;
    let pid = async || -> i32 { backend_pid(&database.connection().await.unwrap()).await };

    let first = pid().await;
    let second = async { while pid().await == first {} };

    timeout(TEST_TIMEOUT, second).await.expect("the connection is replaced");
}

#[tokio::test]
async fn the_server_ends_an_idle_transaction_and_the_transaction_stores_nothing() {
    let database = database_with(|config| config.idle_in_transaction_timeout = Some(Duration::from_secs(1))).await;
    let transaction = database.begin().await.unwrap();
    db::upsert_guild(&transaction, &GuildSnapshot::new(1.into(), "x")).await.unwrap();
    let ended = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'";
    crate::support::races::wait_for_value(&database, ended, "0").await;

    let error = transaction.commit().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Connection && error.function() == Some("commit"), "{error:?}");
    assert_eq!(error.sqlstate(), Some("25P03"));
    assert!(error.to_string().contains("see DB_IDLE_IN_TRANSACTION_TIMEOUT"), "{error}");
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn calls_on_silent_connections_fail_and_the_next_call_uses_a_new_connection() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let channel = channel(&database, guild, 2).await;
    let proxy = Proxy::to(&database.name).await;
    let mut config = proxy.config();
    config.statement_timeout = Some(Duration::from_secs(1));
    let stalled = Db::connect(config).await.unwrap();
    let transaction = stalled.begin().await.unwrap();
    db::increment_channel_message_count(&stalled, channel, 1).await.unwrap();
    db::get_guilds(&stalled).await.unwrap();
    proxy.hold();

    let calls = async {
        tokio::join!(db::increment_channel_message_count(&stalled, channel, 1), db::touch_guild(&transaction, guild),)
    };
    let (counted, touched) = timeout(TEST_TIMEOUT, calls).await.expect("both calls end");

    assert!(counted.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutcomeUnknown), "{counted:?}");
    assert!(touched.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection), "{touched:?}");
    proxy.release();
    assert_eq!(db::get_guilds(&stalled).await.unwrap().len(), 1, "read on a new connection");
}
