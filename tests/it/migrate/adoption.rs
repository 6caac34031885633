//! Databases of the Python programs: they have the tables, but no history of migrations.

use clip_saver_db::migrate::Progress;
use clip_saver_db::{Db, ErrorKind, migrate, repositories as db};

use crate::support::{TestDatabase, applied, concurrently, config, create_database, versions};

/// The SQL that makes a database of the Python programs.
pub const EXISTING: &str = include_str!("../../fixtures/existing_database.sql");

/// Every row of the existing tables without the column that a migration adds, and everything else that must not change.
const ROWS: &str = "select json_build_array(
    (select json_agg(t order by t.id) from users t), (select json_agg(t order by t.guild_id) from bot_guilds t),
    (select json_agg(t order by t.guild_id) from guild_settings t),
    (select json_agg(t order by t.channel_id) from bot_channels t),
    (select json_agg(to_jsonb(t) - array['last_message_id', 'priority', 'turn', 'queue_guild_id', 'not_before', 'claim_token',
      'claim_request', 'worker', 'lease_until', 'attempts', 'takeovers', 'cancel_requested_at'] order by t.id) from bot_channel_scan_runs t),
    (select json_agg(t order by t.state) from install_intents t), (select last_value from users_id_seq))";

const TABLES: &str = "select count(*) from pg_tables where schemaname = 'public'";

/// A database of the Python programs, changed by this SQL.
pub async fn existing(change: &str) -> TestDatabase {
    let name = create_database("template template0").await;
    let database = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };
    database.execute(EXISTING).await;
    database.execute(change).await;
    database
}

async fn refused(change: &str) -> String {
    let database = existing(change).await;
    let tables = database.text(TABLES).await;

    let error = database.migrate().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Migration, "{change}: {error}");
    assert_eq!(database.text(TABLES).await, tables, "{change}: a refusal must not write anything");
    assert_eq!(database.value("select to_regclass('refinery_schema_history')").await, None);
    error.to_string()
}

#[tokio::test]
async fn an_existing_database_is_adopted_with_every_row() {
    let database = existing("").await;
    let before = database.text(ROWS).await;
    let mut steps = Vec::new();

    let report = |step| match step {
        Progress::Applied(file) => steps.push((file.version, file.is_adopted)),
        other => panic!("nothing else happens: {other:?}"),
    };
    migrate::apply(&database, report).await.unwrap();

    assert_eq!(steps, versions().into_iter().map(|version| (version, version == 1)).collect::<Vec<_>>());
    assert_eq!(database.text(ROWS).await, before);
    let channels = db::get_channels_by_guild(&*database, 197_038_439_483_310_086.into()).await.unwrap();
    assert_eq!(channels.len(), 3);
}

#[tokio::test]
async fn programs_that_start_together_adopt_an_existing_database_once() {
    let database = existing("").await;

    let results = concurrently(8, |_| {
        let config = config(&database.name);
        async move { Db::connect(config).await?.migrate().await }
    })
    .await;

    results.into_iter().for_each(Result::unwrap);
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn adopt_records_the_first_migration_and_applies_no_other() {
    let database = existing("").await;

    assert!(migrate::adopt(&database).await.unwrap().is_some());

    assert_eq!(database.text("select string_agg(version::text, ',') from refinery_schema_history").await, "1");
    assert_eq!(database.value("select to_regclass('idx_bot_guilds_owner')").await, None);
    assert_eq!(migrate::adopt(&database).await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_history_counts_as_no_history() {
    let database = existing("create table refinery_schema_history (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))").await;

    database.migrate().await.unwrap();

    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn additions_by_other_programs_are_tolerated_and_named() {
    let database = existing(
        "create table dashboards (id int primary key, channel_id text references bot_channels);
         alter table bot_guilds add column plan text, add column seats int not null default 1;
         create index on bot_channels (name)",
    )
    .await;

    let tolerated = migrate::adopt(&database).await.unwrap().unwrap().tolerated.join("\n");

    for thing in ["table dashboards", "column bot_guilds.plan", "column bot_guilds.seats", "index bot_channels."] {
        assert!(tolerated.contains(thing), "no {thing} in:\n{tolerated}");
    }
    assert_eq!(tolerated.lines().count(), 4, "{tolerated}");
}

#[tokio::test]
async fn a_different_schema_is_refused_and_the_error_names_each_difference() {
    for (change, expected) in [
        ("alter table bot_guilds drop column icon", "column bot_guilds.icon: missing (expected text)"),
        ("alter table bot_guilds rename owner_user_id to owner_user_id_id", "column bot_guilds.owner_user_id: missing"),
        (
            "alter table bot_channels alter message_count type int",
            "column bot_channels.message_count: expected bigint not null default 0, found integer not null default 0",
        ),
        (
            "alter table bot_channels alter guild_id drop not null",
            "column bot_channels.guild_id: expected text not null",
        ),
        ("alter table users alter id drop default", "column users.id: expected integer not null default nextval"),
        (
            "alter table bot_guilds add region text not null default ''; alter table bot_guilds alter region drop default",
            "column bot_guilds.region: may refuse this program's rows (text not null)",
        ),
        ("drop table install_intents", "table install_intents: missing"),
        (
            "alter table users drop constraint users_discord_user_id_key cascade",
            "constraint users.users_discord_user_id_key",
        ),
        (
            "alter table bot_guilds add check (name <> '')",
            "constraint bot_guilds.bot_guilds_name_check: may refuse this program's rows",
        ),
        (
            "create unique index one_name on bot_guilds (name)",
            "index bot_guilds.one_name: may refuse this program's rows",
        ),
        ("drop index idx_bot_scan_runs_channel", "index bot_channel_scan_runs.idx_bot_scan_runs_channel: missing"),
        (
            "drop trigger trg_bot_channels_updated_at on bot_channels",
            "trigger bot_channels.trg_bot_channels_updated_at: missing",
        ),
        ("alter table bot_channels disable trigger user", "trigger bot_channels.trg_bot_channels_updated_at: expected"),
        ("alter type scan_status add value 'paused'", "enum scan_status: expected 'queued', 'running'"),
        (
            "create or replace function set_updated_at() returns trigger language plpgsql as 'begin return new; end'",
            "function set_updated_at(): expected",
        ),
        ("drop extension pgcrypto", "extension pgcrypto: missing"),
    ] {
        let message = refused(change).await;
        assert!(message.contains(expected), "{change}: no {expected:?} in:\n{message}");
        assert!(message.contains("nothing was changed"), "{message}");
    }
}

#[tokio::test]
async fn a_database_with_only_some_of_the_tables_is_refused() {
    let message = refused("drop table bot_channel_scan_runs, bot_channels, bot_guilds, guild_settings").await;

    assert!(message.contains("table bot_guilds: missing"), "{message}");
}
