//! Rows with values that this version cannot read. Such a row gives a typed error or a lossless value, never a panic, and all
//! other rows can be read.

use clip_saver_db::{
    Channel, ChannelId, Db, Error, ErrorKind, GuildId, ScanRunId, Settings, UserId, repositories as db,
};

use crate::channels::lists::stored_channel;
use crate::scans::scan_runs::{one_run, stored_run};
use crate::support::{TestDatabase, channel, guild, json, queued_run, reading_channel};

/// The column that the error of an unreadable row names.
fn unreadable_column<T: std::fmt::Debug>(function: &str, result: Result<T, Error>) -> String {
    let error = result.expect_err("the row cannot be read");
    assert_eq!(error.function(), Some(function));
    assert!(!error.is_retryable(), "a retry would read the same row");
    assert_eq!(error.kind(), ErrorKind::UnreadableRow);
    error.field().expect("the error names the column").to_owned()
}

/// Settings that PostgreSQL holds and `serde_json` cannot parse as a whole.
fn strange_settings() -> Settings {
    json(&format!(r#"{{"deep": {}{}, "huge": 1e400, "tiny": 1e-400, "ok": 1}}"#, "[".repeat(1_000), "]".repeat(1_000)))
}

fn assert_only_the_strange_values_fail(settings: &Settings) {
    assert_eq!(settings.get::<u32>("ok").unwrap(), Some(1));
    assert_eq!(settings.get::<u32>("absent").unwrap(), None);
    for key in ["deep", "huge"] {
        let error = settings.get::<serde_json::Value>(key).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, Some(key)));
    }
    let error = settings.parse::<serde_json::Value>().unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, None));
}

#[tokio::test]
async fn channel_settings_that_serde_json_cannot_parse_are_read_merged_and_written_without_loss() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    database.execute(&format!("update bot_channels set settings = '{}'", strange_settings())).await;

    let stored = stored_channel(&database, channel).await.settings;
    assert_eq!(stored, strange_settings());
    assert_only_the_strange_values_fail(&stored);

    let patched = db::update_channel_settings(&*database, channel, &json(r#"{"new": 2}"#)).await.unwrap().unwrap();
    assert_only_the_strange_values_fail(&patched.settings);
    assert_eq!(patched.settings.get::<u32>("new").unwrap(), Some(2));
    assert_eq!(database.text("select settings - 'new' from bot_channels").await, stored.as_str());

    let set = db::set_channel_settings(&*database, channel, &strange_settings()).await.unwrap().unwrap();
    assert_eq!(set.settings, stored);
    let listed = db::get_channels_by_guild(&*database, 1001.into()).await.unwrap();
    assert_eq!(listed[0].settings, stored);
}

#[tokio::test]
async fn guild_settings_that_serde_json_cannot_parse_are_read_merged_and_written_without_loss() {
    let database = TestDatabase::new().await;
    let guild = GuildId::from(1001);
    database.execute(&format!("insert into guild_settings values ('1001', '{}')", strange_settings())).await;

    let stored = db::get_guild_settings(&*database, guild).await.unwrap().unwrap().settings;
    assert_eq!(stored, strange_settings());
    assert_only_the_strange_values_fail(&stored);

    let patched = db::update_guild_settings(&*database, guild, &json(r#"{"new": 2}"#)).await.unwrap().unwrap();
    assert_only_the_strange_values_fail(&patched.settings);
    assert_eq!(patched.settings.get::<u32>("new").unwrap(), Some(2));

    let set = db::set_guild_settings(&*database, guild, &strange_settings()).await.unwrap();
    assert_eq!(set.settings, stored);
    assert_eq!(db::ensure_guild_settings(&*database, guild, &json("{}")).await.unwrap().settings, stored);
}

#[tokio::test]
async fn settings_that_are_not_an_object_are_read_unchanged() {
    for settings in [r#"["a", {"b": 1}]"#, "null", "5", r#""text""#, "true"] {
        let database = TestDatabase::new().await;
        let channel = reading_channel(&database).await;
        database.execute(&format!("update bot_channels set settings = '{settings}'")).await;
        database.execute(&format!("insert into guild_settings values ('1001', '{settings}')")).await;

        let of_channel = stored_channel(&database, channel).await.settings;
        let of_guild = db::get_guild_settings(&*database, 1001.into()).await.unwrap().unwrap().settings;

        assert_eq!((of_channel.as_str(), of_guild.as_str()), (settings, settings));
        assert_eq!(of_channel.get::<u32>("b").unwrap(), None);
        assert!(!of_channel.is_object());
    }
}

#[tokio::test]
async fn a_cursor_that_is_not_a_snowflake_is_read_as_none_and_fails_no_list() {
    for cursor in ["", "abc", "NaN", "1e30", " 5", "007", "１２３", "-1", "18446744073709551616"] {
        let (database, run) = one_run().await;
        channel(&database, 1001.into(), 2002).await;
        database.execute(&format!("update bot_channels set last_message_id = '{cursor}'")).await;
        let cursors = ["after", "before", "last"].map(|which| format!("{which}_message_id = '{cursor}'")).join(", ");
        database.execute(&format!("update bot_channel_scan_runs set {cursors}")).await;

        assert_eq!(stored_channel(&database, 2001.into()).await.last_message_id, None, "{cursor:?}");
        assert_eq!(db::get_channels_by_guild(&*database, 1001.into()).await.unwrap().len(), 2, "{cursor:?}");
        assert_eq!(db::get_reading_channels(&*database, 1001.into()).await.unwrap().len(), 1, "{cursor:?}");
        let run = stored_run(&database, run).await;
        assert_eq!([run.after_message_id, run.before_message_id, run.last_message_id], [None; 3], "{cursor:?}");
        assert_eq!(db::get_scan_runs(&*database, 2001.into(), 10).await.unwrap(), [run], "{cursor:?}");
    }
}

#[tokio::test]
async fn a_channel_id_that_is_not_a_snowflake_costs_no_other_row() {
    for id in ["abc", "", " 2001 ", "1e4", "NaN", "２００１", "18446744073709551616"] {
        let database = TestDatabase::new().await;
        reading_channel(&database).await;
        database
            .execute(&format!(
                "insert into bot_channels (channel_id, guild_id, is_reading) values ('{id}', '1001', true);
                 insert into bot_channel_scan_runs (channel_id) values ('{id}')"
            ))
            .await;

        let run = database.text("select id from bot_channel_scan_runs").await;
        assert_eq!(
            unreadable_column("get_scan_run", db::get_scan_run(&*database, run.parse().unwrap()).await),
            format!("bot_channel_scan_runs.channel_id of row {run:?}")
        );
        let is_the_other = |channels: &[Channel]| channels.len() == 1 && channels[0].channel_id == 2001.into();
        assert!(is_the_other(&db::get_channels_by_guild(&*database, 1001.into()).await.unwrap()), "{id:?}");
        assert!(is_the_other(&db::get_reading_channels(&*database, 1001.into()).await.unwrap()), "{id:?}");
        // Calls that do not read that row work.
        assert!(stored_channel(&database, 2001.into()).await.is_reading);
        assert_eq!(db::count_channels_by_guild(&*database, 1001.into()).await.unwrap(), 2);
        queued_run(&database, 2001.into()).await;
    }
}

#[tokio::test]
async fn a_guild_id_that_is_not_a_snowflake_gives_an_error_that_names_column_and_row() {
    let database = TestDatabase::new().await;
    let known = guild(&database, 1001).await;
    database
        .execute(
            "insert into bot_guilds (guild_id, name) values ('abc', 'x');
             insert into bot_channels (channel_id, guild_id) values ('2002', 'abc')",
        )
        .await;

    let guilds = db::get_guilds(&*database).await.unwrap();
    assert_eq!(guilds.iter().map(|guild| guild.guild_id).collect::<Vec<_>>(), [known]);
    let channel = db::get_channel(&*database, ChannelId::from(2002)).await;
    assert_eq!(unreadable_column("get_channel", channel), "bot_channels.guild_id of row \"2002\"");
    assert_eq!(db::get_guild(&*database, known).await.unwrap().unwrap().guild_id, known);
}

#[tokio::test]
async fn an_owner_that_is_not_a_snowflake_gives_an_error_that_names_column_and_row() {
    let database = TestDatabase::new().await;
    let known = guild(&database, 1001).await;
    database
        .execute(
            "insert into users (discord_user_id) values ('abc');
             insert into bot_guilds (guild_id, name, owner_user_id) values ('1002', 'x', 'abc')",
        )
        .await;

    let named = "bot_guilds.owner_user_id of row \"1002\"";
    assert_eq!(unreadable_column("get_guild", db::get_guild(&*database, GuildId::from(1002)).await), named);
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1);
    assert_eq!(db::get_guild(&*database, known).await.unwrap().unwrap().guild_id, known);
}

#[tokio::test]
async fn ids_of_an_install_intent_that_are_not_snowflakes_give_errors_that_name_column_and_row() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "insert into users (discord_user_id) values ('abc'), ('1');
             insert into install_intents (state, user_id, guild_id, expires_at) values
               ('bad user', 'abc', '1001', now() + '1 day'), ('bad guild', '1', 'abc', now() + '1 day'),
               ('good', '1', '1001', now() + '1 day')",
        )
        .await;

    let intent = db::get_install_intent(&*database, "bad user").await;
    assert_eq!(unreadable_column("get_install_intent", intent), "install_intents.user_id of row \"bad user\"");
    let intent = db::get_install_intent(&*database, "bad guild").await;
    assert_eq!(unreadable_column("get_install_intent", intent), "install_intents.guild_id of row \"bad guild\"");
    assert!(db::consume_install_intent(&*database, "good").await.unwrap().is_some());
}

/// Every column that holds a time, and its table.
const TIMES: [(&str, &str); 13] = [
    ("users", "last_login_at"),
    ("bot_guilds", "joined_at"),
    ("bot_guilds", "last_seen_at"),
    ("guild_settings", "updated_at"),
    ("bot_channels", "last_scanned_at"),
    ("bot_channels", "last_activity_at"),
    ("bot_channels", "created_at"),
    ("bot_channels", "updated_at"),
    ("bot_channel_scan_runs", "started_at"),
    ("bot_channel_scan_runs", "finished_at"),
    ("bot_channel_scan_runs", "created_at"),
    ("install_intents", "created_at"),
    ("install_intents", "expires_at"),
];

/// Reads the row of a table with every function that reads it. Lists leave it out. Returns what the errors of the others name
/// as unreadable.
async fn read(database: &Db, table: &str, run: ScanRunId) -> Vec<String> {
    match table {
        "users" => vec![unreadable_column("get_user", db::get_user(database, 1.into()).await)],
        "bot_guilds" => {
            assert_eq!(db::get_guilds(database).await.unwrap(), []);
            vec![unreadable_column("get_guild", db::get_guild(database, 1001.into()).await)]
        }
        "guild_settings" => {
            vec![unreadable_column("get_guild_settings", db::get_guild_settings(database, 1001.into()).await)]
        }
        "bot_channels" => {
            assert_eq!(db::get_channels_by_guild(database, 1001.into()).await.unwrap(), []);
            assert_eq!(db::get_reading_channels(database, 1001.into()).await.unwrap(), []);
            vec![unreadable_column("get_channel", db::get_channel(database, 2001.into()).await)]
        }
        "bot_channel_scan_runs" => {
            assert_eq!(db::get_scan_runs(database, 2001.into(), 10).await.unwrap(), []);
            vec![unreadable_column("get_scan_run", db::get_scan_run(database, run).await)]
        }
        "install_intents" => vec![unreadable_column("get_install_intent", db::get_install_intent(database, "s").await)],
        _ => panic!("no function reads {table}"),
    }
}

#[tokio::test]
async fn times_that_chrono_cannot_hold_are_left_out_of_lists_and_reported_in_every_column() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let run = queued_run(&database, channel).await;
    crate::support::user(&database, 1).await;
    db::set_guild_settings(&*database, 1001.into(), &json("{}")).await.unwrap();
    database.execute("insert into install_intents values ('s', '1', '1001', now(), now())").await;
    database.execute("alter table bot_channels disable trigger user").await;

    for (table, column) in TIMES {
        let kept = database.value(&format!("select {column} from {table}")).await;
        for time in ["infinity", "-infinity", "294000-01-01"] {
            database.execute(&format!("update {table} set {column} = '{time}'")).await;

            for named in read(&database, table, run).await {
                assert!(named.starts_with("column "), "{named}");
            }
            let reported = db::get_unreadable_rows(&*database, 10).await.unwrap();
            let reported: Vec<_> = reported.iter().map(|row| (row.table.as_str(), row.column.as_str())).collect();
            assert_eq!(reported, [(table, column)], "{time}");
        }
        let kept = kept.map_or("null".into(), |kept| format!("'{kept}'"));
        database.execute(&format!("update {table} set {column} = {kept}")).await;
    }

    assert_eq!(db::get_unreadable_rows(&*database, 10).await.unwrap(), []);
    // The connections of the failed calls still work, and the rows can be read again.
    assert!(db::get_user(&*database, UserId::from(1)).await.unwrap().is_some());
    assert!(stored_channel(&database, channel).await.is_reading);
}

/// Tables that only this crate writes: older programs cannot have left anything in them.
const ONLY_OURS: &str = "bot_scan_queue,bot_clip_messages,bot_clips";

/// The same for columns.
const ONLY_OUR_COLUMNS: [&str; 3] = [
    "bot_channel_scan_runs.not_before",
    "bot_channel_scan_runs.lease_until",
    "bot_channel_scan_runs.cancel_requested_at",
];

#[tokio::test]
async fn the_test_of_unreadable_times_covers_every_column_with_a_time() {
    let database = TestDatabase::new().await;
    let mut tried: Vec<_> = TIMES.iter().map(|(table, column)| format!("{table}.{column}")).collect();
    tried.extend(ONLY_OUR_COLUMNS.map(str::to_owned));
    let missing = format!(
        "select string_agg(table_name || '.' || column_name, ', ') from information_schema.columns
         where table_schema = 'public' and data_type like 'timestamp%' and table_name <> 'refinery_schema_history'
           and table_name || '.' || column_name <> all('{{{}}}') and table_name <> all('{{{ONLY_OURS}}}')",
        tried.join(",")
    );

    assert_eq!(database.value(&missing).await, None);
}
