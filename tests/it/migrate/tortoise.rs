//! Databases of the second Python generation (Tortoise): the same tables with other columns. They are refused. The SQL in
//! `docs/MIGRATION_GUIDE.md` converts them to the first generation's schema without loss.

use clip_saver_db::{Db, ErrorKind, migrate, repositories as db};

use crate::migrate::migration_races::{migrating, program, succeeded};
use crate::support::{TestDatabase, config, connect, create_database};

const GUIDE: &str = include_str!("../../../docs/MIGRATION_GUIDE.md");

const TABLES: [&str; 6] =
    ["users", "bot_guilds", "guild_settings", "bot_channels", "bot_channel_scan_runs", "install_intents"];

/// A database that Tortoise made, then changed.
async fn tortoise(change: &str) -> TestDatabase {
    let name = create_database("template template0").await;
    let database = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };
    database.execute(include_str!("../../fixtures/tortoise_database.sql")).await;
    database.execute(change).await;
    database
}

/// The guide's only block of SQL.
fn conversion() -> &'static str {
    let (_, section) = GUIDE.split_once("\n#### A database that Tortoise made\n").unwrap();
    let blocks: Vec<_> = section.split("\n```sql\n").skip(1).collect();
    let [block] = blocks[..] else { panic!("the guide must hold exactly one block of SQL") };
    block.split_once("\n```\n").unwrap().0
}

/// All columns of all rows of a schema's six tables.
async fn everything(database: &TestDatabase, schema: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push(database.text(&format!("select json_agg(t order by t::text)::text from {schema}.{table} t")).await);
    }
    rows
}

/// The values that both generations store. Both store the times of install intents in UTC.
fn shared(owner: &str, utc: &str) -> String {
    format!(
        "select json_build_array(
            (select json_agg(json_build_array(discord_user_id, username, avatar) order by discord_user_id) from users),
            (select json_agg(json_build_array(guild_id, name, icon, {owner}, joined_at, last_seen_at) order by guild_id)
             from bot_guilds),
            (select json_agg(json_build_array(guild_id, settings, updated_at) order by guild_id) from guild_settings),
            (select json_agg(json_build_array(channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id,
                 last_scanned_at, last_activity_at, message_count, settings, created_at, updated_at) order by channel_id)
             from bot_channels),
            (select json_agg(json_build_array(id, channel_id, after_message_id, before_message_id, status, messages_scanned,
                 messages_matched, error_message, started_at, finished_at, created_at) order by id)
             from bot_channel_scan_runs),
            (select json_agg(json_build_array(state, user_id, guild_id, created_at {utc}, expires_at {utc}) order by state)
             from install_intents where state in ('s-live', 's-expired')))"
    )
}

/// All rows, all columns, constraints and schemas.
async fn rows_and_schema(database: &TestDatabase) -> Vec<String> {
    let catalogue = "select json_build_array(
        (select json_agg(json_build_array(table_name, column_name, data_type, is_nullable, column_default)
                         order by table_name, ordinal_position)
         from information_schema.columns where table_schema = 'public'),
        (select json_agg(pg_get_constraintdef(oid) order by oid) from pg_constraint where conrelid <> 0),
        (select json_agg(nspname order by nspname) from pg_namespace))";
    let mut rows_and_schema = everything(database, "public").await;
    rows_and_schema.push(database.text(catalogue).await);
    rows_and_schema
}

#[tokio::test]
async fn a_tortoise_database_is_refused_with_its_differences_and_is_not_changed() {
    let database = tortoise("").await;
    let before = rows_and_schema(&database).await;

    let output = migrating(program(), &database.url()).output().await.unwrap();

    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    for expected in [
        "nothing was changed",
        "docs/MIGRATION_GUIDE.md has the SQL for databases that Tortoise made",
        "column bot_guilds.owner_user_id: missing (expected text)",
        "column bot_channel_scan_runs.status: expected scan_status not null default 'queued'::scan_status, found character \
         varying(9) not null",
        "column install_intents.expires_at: expected timestamp without time zone not null, found timestamp with time zone",
        "constraint users.users_pkey: expected PRIMARY KEY (id), found PRIMARY KEY (discord_user_id)",
        "index bot_channels.idx_bot_channels_work: missing",
        "trigger bot_channels.trg_bot_channels_updated_at: missing",
        "function set_updated_at(): missing",
        "enum scan_status: missing",
        "extension pgcrypto: missing",
    ] {
        assert!(complaint.contains(expected), "no {expected:?} in:\n{complaint}");
    }
    assert_eq!(rows_and_schema(&database).await, before);
}

#[tokio::test]
async fn the_guides_sql_converts_a_tortoise_database_which_is_then_adopted_with_every_row() {
    let database = tortoise("").await;
    let originals = everything(&database, "public").await;
    let values = database.text(&shared("owner_user_id_id", "at time zone 'utc'")).await;

    database.execute(conversion()).await;
    let output = migrating(program(), &database.url()).output().await.unwrap();

    let printed = succeeded(&output);
    assert!(printed.starts_with("V1__initial_schema  adopted\nV2__indexes_for_queries  applied"), "{printed}");
    assert_eq!(database.text(&shared("owner_user_id", "")).await, values);
    assert_eq!(everything(&database, "tortoise").await, originals);
    let kept_aside = "select string_agg(state, ',' order by state) from tortoise.install_intents
        where state not in (select state from install_intents)";
    assert_eq!(database.text(kept_aside).await, "s-no-guild,s-no-user,s-unknown-user");
    assert_eq!(migrate::drift(&database).await.unwrap(), migrate::Difference::default());
}

#[tokio::test]
async fn the_guides_sql_converts_tables_in_another_schema_whose_name_it_is_given() {
    let database = tortoise("alter schema public rename to app; create schema public").await;

    database.execute(&conversion().replacen("search_path = public", "search_path = app", 1)).await;
    let output = migrating(program(), &database.url()).env("DB_SCHEMA", "app").output().await.unwrap();

    assert!(succeeded(&output).starts_with("V1__initial_schema  adopted\n"), "{output:?}");
}

#[tokio::test]
async fn the_functions_and_the_first_generations_defaults_work_on_a_converted_database() {
    let database = tortoise("").await;
    database.execute(conversion()).await;
    database.migrate().await.unwrap();

    let channels = db::get_channels_by_guild(&*database, 197_038_439_483_310_086.into()).await.unwrap();
    let user = db::get_user(&*database, 80_351_110_224_678_912.into()).await.unwrap().unwrap();
    let run = db::enqueue_scan_run(&*database, 41_771_983_423_143_938.into()).await.unwrap();
    // The values that psycopg3's programs leave to defaults and to the trigger.
    database
        .execute(
            "insert into users (discord_user_id) values ('1');
             insert into bot_guilds (guild_id, name, owner_user_id) values ('2', 'new', '1');
             insert into guild_settings (guild_id) values ('2');
             insert into bot_channels (channel_id, guild_id, updated_at) values ('3', '2', '2020-01-01');
             update bot_channels set name = 'named' where channel_id = '3';
             insert into bot_channel_scan_runs (channel_id) values ('3');
             insert into install_intents (state, user_id, guild_id, expires_at) values ('s', '1', '2', '2020-01-01');
             delete from users where discord_user_id = '1'",
        )
        .await;

    assert_eq!(channels.iter().map(|channel| channel.message_count).max(), Some(9_007_199_254_740_993));
    assert_eq!(user.username.as_deref(), Some("Nelly 🐘"));
    assert!(run.is_some());
    let new =
        "select concat_ws(' ', joined_at = last_seen_at, owner_user_id is null, c.updated_at > '2020-01-01', r.status,
            (select count(*) from install_intents where state = 's'))
        from bot_guilds join bot_channels c using (guild_id) join bot_channel_scan_runs r using (channel_id)
        where guild_id = '2'";
    assert_eq!(database.text(new).await, "t t t queued 0");
}

#[tokio::test]
async fn the_conversion_accepts_databases_of_newer_tortoise_releases_and_guilds_with_unknown_owners() {
    let database = tortoise(
        "do $$ declare c record; begin -- Tortoise 1.1 writes no defaults
           for c in select * from information_schema.columns where table_schema = 'public' and column_default is not null loop
             execute format('alter table %I alter %I drop default', c.table_name, c.column_name);
           end loop;
         end $$;
         set session_replication_role = replica;
         update bot_guilds set owner_user_id_id = '666' where guild_id = '81384788765712384'",
    )
    .await;

    database.execute(conversion()).await;
    database.migrate().await.unwrap();

    assert_eq!(migrate::drift(&database).await.unwrap(), migrate::Difference::default());
    let owner = "from bot_guilds where guild_id = '81384788765712384'";
    assert_eq!(database.text(&format!("select owner_user_id is null {owner}")).await, "t");
    assert_eq!(
        database.text(&format!("select owner_user_id_id {}", owner.replace("bot", "tortoise.bot"))).await,
        "666"
    );
}

#[tokio::test]
async fn the_guides_sql_changes_nothing_in_a_database_that_it_does_not_fit() {
    for (change, expected) in [
        ("create view names as select username, discriminator from users", "names"),
        ("create table friends (id varchar(255) references users)", "friends"),
        ("update bot_channel_scan_runs set status = 'paused' where status = 'queued'", "paused"),
        ("create schema tortoise", "tortoise"),
        ("alter table bot_guilds drop constraint bot_guilds_owner_user_id_id_fkey", "bot_guilds_owner_user_id_id_fkey"),
    ] {
        let database = tortoise(change).await;
        let before = rows_and_schema(&database).await;

        let error = connect(&database.url()).await.batch_execute(conversion()).await.unwrap_err();

        let error = error.as_db_error().unwrap();
        assert!(format!("{error} {:?}", error.detail()).contains(expected), "{error:?}");
        assert_eq!(rows_and_schema(&database).await, before, "{change}");
    }
}

#[tokio::test]
async fn a_converted_database_that_still_differs_is_refused() {
    let database =
        tortoise("alter table guild_settings add column shard int not null default 0 check (shard >= 0)").await;
    database.execute(conversion()).await;

    let error = database.migrate().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Migration);
    assert!(
        error
            .to_string()
            .contains("constraint guild_settings.guild_settings_shard_check: may refuse this program's rows"),
        "{error}"
    );
}
