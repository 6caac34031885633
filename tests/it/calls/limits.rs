//! What a program may take: the size of its input, the age of its connections, the time of its transactions.

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

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, of_field: &str, told: &str) {
    let error = result.expect_err(of_field);
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(of_field)));
    assert!(error.to_string().contains(told), "{error}");
}

/// JSON text of so many bytes.
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
async fn larger_settings_are_refused_wherever_they_are_given() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let channel = channel(&database, guild, 2).await;
    let large = settings_of((256 << 10) + 1);
    let told = "over the limit of 262144: store less, or raise DB_MAX_SETTINGS_BYTES";
    let snapshot = changed!(ChannelSnapshot::new(channel, "c", "text"), settings_overrides = Some(large.clone()));
    let whole = changed!(GuildSnapshot::new(guild, "g"), channels = vec![snapshot.clone()]);

    assert_refused(db::ensure_guild_settings(&*database, guild, &large).await, "defaults", told);
    assert_refused(db::set_guild_settings(&*database, guild, &large).await, "settings", told);
    assert_refused(db::update_guild_settings(&*database, guild, &large).await, "patch", told);
    assert_refused(db::set_channel_settings(&*database, channel, &large).await, "settings", told);
    assert_refused(db::update_channel_settings(&*database, channel, &large).await, "patch", told);
    let field = "channels[0].settings_overrides";
    assert_refused(db::upsert_channels_for_guild(&*database, guild, &[snapshot]).await, field, told);
    assert_refused(db::sync_guild(&*database, &whole).await, field, told);
}

#[tokio::test]
async fn the_limits_are_those_of_the_configuration_on_connections_and_transactions_too() {
    let database = database_with(|config| config.max_settings_bytes = 10).await;
    let (connection, transaction) = (database.connection().await.unwrap(), database.begin().await.unwrap());
    let large = settings_of(11);

    assert_refused(db::set_guild_settings(&*database, 1.into(), &large).await, "settings", "limit of 10:");
    assert_refused(db::set_guild_settings(&connection, 1.into(), &large).await, "settings", "limit of 10:");
    assert_refused(db::set_guild_settings(&transaction, 1.into(), &large).await, "settings", "limit of 10:");
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_refused_by_the_name_of_the_argument() {
    let database = database_with(|config| config.max_batch_bytes = 100).await;
    let guild = guild(&database, 1).await;
    let told = "over the limit of 100: write less at a time, or raise DB_MAX_BATCH_BYTES";
    let channels: Vec<_> = (1..6).map(|id| ChannelSnapshot::new(ChannelId::from(id), "c", "text")).collect();
    let guilds: Vec<_> = (1..6).map(|id| GuildSnapshot::new(GuildId::from(id), "g")).collect();
    let users: Vec<_> = (1..6).map(|id| UserSnapshot::new(id.into(), "u")).collect();
    let channel_ids: Vec<_> = (1..7).map(ChannelId::from).collect();
    let guild_ids: Vec<_> = (1..7).map(GuildId::from).collect();
    let whole = changed!(GuildSnapshot::new(guild, "g"), channels = channels.clone());

    assert_refused(db::upsert_channels_for_guild(&*database, guild, &channels).await, "channels", told);
    assert_refused(db::sync_guild(&*database, &whole).await, "channels", told);
    assert_refused(db::upsert_guilds(&*database, &guilds).await, "guilds", told);
    assert_refused(db::upsert_users(&*database, &users).await, "users", told);
    assert_refused(db::delete_channels(&*database, &channel_ids).await, "channel_ids", told);
    assert_refused(db::delete_guilds(&*database, &guild_ids).await, "guild_ids", told);
    let long = GuildSnapshot::new(2.into(), "x".repeat(100));
    assert_refused(db::upsert_guild(&*database, &long).await, "guild", told);
    let run = clip_saver_db::ScanRunId::from(uuid::Uuid::nil());
    assert_refused(db::mark_scan_failed(&*database, run, &"x".repeat(101)).await, "error_message", told);
    assert_eq!(database.text("select count(*) from bot_guilds").await, "1");
}

#[tokio::test]
async fn an_old_connection_is_replaced() {
    let database = database_with(|config| config.max_lifetime = Some(Duration::from_millis(1))).await;
    let pid = async || -> i32 { backend_pid(&database.connection().await.unwrap()).await };

    let first = pid().await;
    let second = async { while pid().await == first {} };

    timeout(TEST_TIMEOUT, second).await.expect("it is not kept for ever");
}

#[tokio::test]
async fn a_transaction_in_which_nothing_happens_is_ended_by_the_server_and_stores_nothing() {
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
async fn a_server_that_gives_no_answer_is_given_up_five_seconds_after_the_statements_time() {
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
    let (counted, touched) = timeout(TEST_TIMEOUT, calls).await.expect("both end");

    assert!(counted.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutcomeUnknown), "{counted:?}");
    assert!(touched.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection), "{touched:?}");
    proxy.release();
    assert_eq!(db::get_guilds(&stalled).await.unwrap().len(), 1, "on a new connection");
}
