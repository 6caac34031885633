//! `clip-db` with `DB_SCHEMA`, and on databases whose roles look for tables elsewhere.

use super::{EXISTING, ProgramOutput, empty, program, run};
use crate::pool::pgbouncer::{behind, pgbouncer};
use crate::support::TestDatabase;

/// Runs the program with this `DB_SCHEMA`.
async fn in_schema(url: &str, schema: &str, command: &str) -> ProgramOutput {
    let words: Vec<&str> = command.split_whitespace().collect();
    run(program(&words).env("DATABASE_URL", url).env("DB_SCHEMA", schema)).await
}

/// A database whose sessions look for tables in the schema "app", which has none.
async fn misleading() -> TestDatabase {
    let database = empty().await;
    database.execute(&format!("create schema app; alter database {} set search_path = app", database.name)).await;
    database
}

#[tokio::test]
async fn every_command_works_in_the_schema_that_calls_use() {
    for schema in ["public", "app", "My Clips"] {
        let database = misleading().await;
        let run = async |command| in_schema(&database.url(), schema, command).await;

        run("migrate").await.assert_output(0, &["V1__initial_schema  applied"]);
        run("status").await.assert_output(0, &["up to date"]);
        run("check").await.assert_output(0, &["fit the schema", "schema: exactly what the applied migrations make"]);
        run("doctor").await.assert_output(0, &[&format!("ok     schema       {schema}, search_path = \"{schema}\"")]);
        run("config").await.assert_output(0, &[&format!("schema = {schema}")]);
        run("purge-intents").await.assert_output(0, &["0"]);
    }
}

#[tokio::test]
async fn a_schema_that_does_not_exist_is_named_and_only_migrate_creates_it() {
    let database = empty().await;
    let run = async |command| in_schema(&database.url(), "app", command).await;

    let told = "the schema app does not exist: `clip-db migrate` creates it";
    run("status").await.assert_output(1, &[told]);
    run("check").await.assert_output(1, &[told]);
    run("doctor").await.assert_output(0, &["note   schema       app (DB_SCHEMA) does not exist yet", told]);
    run("adopt").await.assert_output(0, &["nothing to adopt"]);
    run("migrate --dry-run").await.assert_output(1, &["-- First it would create the schema app."]);
    assert_eq!(database.value("select nspname from pg_namespace where nspname = 'app'").await, None);
    run("migrate").await.assert_output(0, &["V1__initial_schema  applied"]);
}

#[tokio::test]
async fn every_command_names_the_schema_that_holds_the_tables_of_the_python_programs() {
    let database = empty().await;
    database.execute(EXISTING).await;
    database
        .execute("alter schema public rename to app; create schema public; alter extension pgcrypto set schema public")
        .await;
    let run = async |schema, command| in_schema(&database.url(), schema, command).await;

    let told = ["are in: app; DB_SCHEMA is public, which has none", "Set DB_SCHEMA=app"];
    for command in ["status", "check", "migrate", "migrate --dry-run", "doctor"] {
        run("public", command).await.assert_output(2, &told);
    }
    run("app", "migrate").await.assert_output(0, &["V1__initial_schema  adopted"]);
    run("app", "check").await.assert_output(0, &["schema: exactly what the applied migrations make"]);
    run("public", "status").await.assert_output(1, &["pending"]);
}

#[tokio::test]
async fn doctor_sees_what_calls_see_behind_a_pooler() {
    let database = misleading().await;
    let name = &database.name;
    in_schema(&database.url(), "public", "migrate").await.assert_output(0, &[]);
    database.execute(&format!("alter database {name} set default_transaction_isolation = serializable")).await;
    let session = pgbouncer(&["pool_mode=session", "ignore_startup_parameters=options"]);
    let transaction = pgbouncer(&["pool_mode=transaction", "ignore_startup_parameters=options"]);
    let run = async |pooler, statements, command| {
        let url = behind(pooler, name);
        run(program(&[command]).env("DATABASE_URL", url).env("DB_PREPARED_STATEMENTS", statements)).await
    };

    let healthy = ["ok     schema       public, search_path = ", "ok     migrations   up to date"];
    run(&session, "auto", "doctor").await.assert_output(0, &healthy);
    run(&transaction, "off", "doctor").await.assert_output(0, &healthy);
    run(&session, "auto", "status").await.assert_output(0, &["up to date"]);
    run(&session, "auto", "check").await.assert_output(0, &["schema: exactly what the applied migrations make"]);
    run(&transaction, "off", "status").await.assert_output(0, &["up to date"]);
    run(&transaction, "off", "check").await.assert_output(2, &["fit the schema", "set DB_MIGRATION_URL"]);
    let elsewhere = ["WRONG  pooler       connect: DB_SCHEMA is \"public\"", "alter role", "ok     schema"];
    run(&transaction, "on", "doctor").await.assert_output(2, &elsewhere);
    run(&transaction, "on", "status")
        .await
        .assert_output(3, &["but the server's sessions begin in the schema \"app\""]);

    database.execute(&format!("alter database {name} set search_path = public")).await;
    let reconnected = pgbouncer(&["pool_mode=transaction", "ignore_startup_parameters=options"]);
    let told = ["WRONG  isolation    the pooler gives sessions the level serializable", "alter role"];
    run(&reconnected, "on", "doctor").await.assert_output(2, &told);
}

#[tokio::test]
async fn statements_that_commands_print_name_the_schema() {
    let database = misleading().await;
    let schema = "O'Neil's \"Clips\"";
    let run = async |command| in_schema(&database.url(), schema, command).await;
    run("migrate").await.assert_output(0, &[]);
    let change = r#"insert into "O'Neil's ""Clips""".users (id, discord_user_id) values (50, '1');
                    create index idx_bot_scan_runs_channel
                      on "O'Neil's ""Clips""".bot_channel_scan_runs (channel_id, created_at desc)"#;
    database.execute(change).await;
    let drop = r#"drop index concurrently "O'Neil's ""Clips""".idx_bot_scan_runs_channel"#;
    let set = r#"select setval('"O''Neil''s ""Clips""".users_id_seq', 50)"#;
    run("check").await.assert_output(0, &[&format!("`{drop}`"), &format!("`{set}`")]);

    // What it says to do, on a session that looks elsewhere.
    database.execute(drop).await;
    database.execute(set).await;
    let left = "ok     sequence     users_id_seq has 2147483597 numbers left";
    run("doctor").await.assert_output(0, &[left]);
    database.execute(&set.replace("50", "2147483640")).await;
    let restart = r#"alter sequence "O'Neil's ""Clips""".users_id_seq restart"#;
    run("check").await.assert_output(2, &["exactly what the applied migrations make", &format!("`{restart}`")]);
    database.execute(restart).await;
}
