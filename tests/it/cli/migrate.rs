//! `clip-db migrate`, `adopt` and `purge-intents`: the commands that write.

use tokio_postgres::Client;

use super::{ProgramOutput, clip_db, empty, existing, program, run};
use crate::support::{TestDatabase, connect, versions};

#[tokio::test]
async fn migrate_prints_a_line_for_each_file_and_then_has_nothing_to_do() {
    let database = empty().await;

    let first = clip_db(&database.url(), "migrate").await;

    first.assert_output(0, &[]);
    let lines: Vec<&str> = first.stdout.lines().collect();
    assert_eq!(lines.len(), versions().len(), "{lines:?}");
    assert!(lines[0].starts_with("V1__initial_schema  applied in ") && lines[0].ends_with(" ms"), "{lines:?}");
    assert!(lines[1].starts_with("V2__indexes_for_queries  applied in "), "{lines:?}");
    let second = clip_db(&database.url(), "migrate").await;
    second.assert_output(0, &[]);
    assert_eq!(second.stdout, "up to date\n");
    clip_db(&database.url(), "status").await.assert_output(0, &[]);
}

#[tokio::test]
async fn migrate_adopts_a_database_of_the_python_programs_and_warns_about_tolerated_additions() {
    let database = existing("create table dashboards (id int primary key)").await;

    let output = clip_db(&database.url(), "migrate").await;

    output.assert_output(0, &["V1__initial_schema  adopted\n", "V2__indexes_for_queries  applied in "]);
    assert!(output.stderr.contains("holds more than V1: table dashboards"), "{}", output.stderr);
    clip_db(&database.url(), "status").await.assert_output(0, &["up to date"]);
}

#[tokio::test]
async fn migrate_and_adopt_refuse_a_different_schema_and_print_the_difference() {
    let database = existing("alter table bot_guilds drop column icon").await;

    for command in ["migrate", "adopt"] {
        let output = clip_db(&database.url(), command).await;
        output.assert_output(2, &["nothing was changed", "column bot_guilds.icon: missing (expected text)"]);
        assert_eq!(output.stdout, "");
    }
    clip_db(&database.url(), "status").await.assert_output(1, &["no history"]);
}

/// Writes the history of a migrated database into a database whose schema was made by hand.
async fn write_history(database: &TestDatabase) {
    let migrated = TestDatabase::new().await;
    let history = migrated.text("select json_agg(h order by version) from refinery_schema_history h").await;
    let table = "create table if not exists refinery_schema_history
                   (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))";
    let rows = format!(
        "insert into refinery_schema_history
                        select * from json_populate_recordset(null::refinery_schema_history, '{history}')"
    );
    database.execute(&format!("{table}; {rows}")).await;
}

#[tokio::test]
async fn the_sql_that_a_dry_run_prints_makes_the_schema() {
    for database in [empty().await, existing("").await] {
        let dry = clip_db(&database.url(), "migrate --dry-run").await;
        dry.assert_output(1, &["-- V1__initial_schema", "-- V2__indexes_for_queries"]);
        clip_db(&database.url(), "status").await.assert_output(1, &[]);

        // Statements that cannot run in a transaction cannot be sent together with others.
        for file in dry.stdout.split("\n-- V") {
            database.execute(&format!("-- V{file}")).await;
        }

        write_history(&database).await;
        clip_db(&database.url(), "check").await.assert_output(0, &["schema: exactly what the applied migrations make"]);
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_adopted_and_when_there_is_nothing_to_do() {
    let database = existing("").await;

    let dry = clip_db(&database.url(), "migrate --dry-run").await;

    dry.assert_output(1, &["-- V1__initial_schema: adopted."]);
    assert!(!dry.stdout.contains("create table users"), "{}", dry.stdout);
    clip_db(&database.url(), "migrate").await.assert_output(0, &[]);
    clip_db(&database.url(), "migrate --dry-run").await.assert_output(0, &["-- up to date\n"]);
}

#[tokio::test]
async fn adopt_says_whether_it_has_adopted_anything() {
    let database = existing("create table dashboards (id int primary key)").await;
    clip_db(&database.url(), "adopt")
        .await
        .assert_output(0, &["tolerated: table dashboards", "adopted: V1 is recorded"]);
    clip_db(&database.url(), "adopt").await.assert_output(0, &["nothing to adopt: the database has a history"]);
    clip_db(&database.url(), "status").await.assert_output(1, &[&format!("{} pending", versions().len() - 1)]);

    let empty = empty().await;
    clip_db(&empty.url(), "adopt").await.assert_output(0, &["nothing to adopt: the database is empty"]);
}

/// A database whose second file has to wait for this session.
async fn held_back() -> (TestDatabase, Client) {
    let database = existing("").await;
    let writer = connect(&database.url()).await;
    writer
        .batch_execute("set application_name = 'old bot'; begin; lock table bot_guilds in row exclusive mode")
        .await
        .unwrap();
    (database, writer)
}

async fn with_timeout(database: &TestDatabase, seconds: &str) -> ProgramOutput {
    run(program(&["migrate"]).env("DATABASE_URL", database.url()).env("DB_MIGRATION_TIMEOUT", seconds)).await
}

#[tokio::test]
async fn migrate_prints_the_sessions_that_hold_it_back_and_gives_up_in_time() {
    let (database, _writer) = held_back().await;

    let output = with_timeout(&database, "1.5").await;

    output.assert_output(2, &["V1__initial_schema  adopted", "V2__indexes_for_queries was not applied", "(1.5s)"]);
    output.assert_output(
        2,
        &["clip-db: V2__indexes_for_queries has waited ", " s for locks or snapshots of other sessions: pid "],
    );
    assert!(output.stderr.contains("(\"old bot\" of user postgres from "), "{}", output.stderr);
}

#[tokio::test]
async fn migrate_ends_idle_sessions_if_asked_and_prints_each() {
    let (database, writer) = held_back().await;

    let output = clip_db(&database.url(), "migrate --end-idle-in-transaction 100ms").await;

    output.assert_output(0, &["V2__indexes_for_queries  applied in "]);
    assert_eq!(
        output.stdout.lines().filter(|line| line.starts_with("ended pid ") && line.contains("\"old bot\"")).count(),
        1
    );
    assert!(writer.batch_execute("commit").await.is_err());
    clip_db(&database.url(), "status").await.assert_output(0, &["up to date"]);
}

#[tokio::test]
async fn migrate_refuses_a_time_that_it_does_not_understand() {
    for time in ["30", "s", "-1s", "1day", "1e400s", "99999999999999999999s"] {
        let output =
            clip_db("postgresql://nobody@localhost:1/x", &format!("migrate --end-idle-in-transaction={time}")).await;
        output.assert_output(2, &["--end-idle-in-transaction"]);
    }
}

#[tokio::test]
async fn purge_intents_deletes_intents_that_expired_at_least_the_grace_ago() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "insert into users (discord_user_id) values ('1');
             insert into install_intents (state, user_id, guild_id, expires_at)
             select a, '1', '2', now() at time zone 'utc' - make_interval(mins => a) from unnest('{-1,1,10}'::int[]) a",
        )
        .await;

    clip_db(&database.url(), "purge-intents").await.assert_output(0, &["1 expired install intent deleted"]);
    clip_db(&database.url(), "purge-intents --grace 0").await.assert_output(0, &["1 expired install intent deleted"]);
    clip_db(&database.url(), "purge-intents --grace 0").await.assert_output(0, &["0 expired install intents deleted"]);
    assert_eq!(database.text("select string_agg(state, ',') from install_intents").await, "-1");
    clip_db(&database.url(), "purge-intents --grace 99999999999")
        .await
        .assert_output(2, &["`grace` is over 100 years"]);
}

#[tokio::test]
async fn a_missing_table_is_named_with_what_to_do() {
    let database = empty().await;

    clip_db(&database.url(), "purge-intents").await.assert_output(2, &["install_intents", "see `clip-db status`"]);
}
