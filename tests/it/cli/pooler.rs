//! `clip-db` behind PgBouncer.

use super::{clip_db, empty, program, run};
use crate::pool::pgbouncer::{behind, pgbouncer};
use crate::pool::renaming_pooler;
use crate::support::TestDatabase;

const IGNORES_OPTIONS: &str = "ignore_startup_parameters=options";

#[tokio::test]
async fn doctor_reports_transaction_mode_as_wrong_and_checks_the_rest() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);

    let told = [
        "WRONG  pooler       connect: a pooler (PgBouncer) is between this program and the server",
        "ok     server",
        "ok     migrations",
        "ok     rights",
        "ok     clock",
    ];
    clip_db(&url, "doctor").await.assert_output(2, &told);
    clip_db(&url, "status").await.assert_output(
        3,
        &[
            "connect: a pooler (PgBouncer) is between this program and the server",
            "`clip-db doctor` checks the server behind the pooler",
        ],
    );
}

#[tokio::test]
async fn doctor_accepts_session_mode() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);

    clip_db(&url, "doctor").await.assert_output(0, &["ok     pooler       in session mode"]);
}

#[tokio::test]
async fn doctor_notes_a_pooler_that_keeps_prepared_statements_apart() {
    let (_server, [_, url]) = renaming_pooler::start("PGBOUNCER_").await;

    clip_db(&url, "doctor")
        .await
        .assert_output(0, &["note   pooler       in transaction mode", "Set DB_MIGRATION_URL"]);
}

#[tokio::test]
async fn doctor_reports_refused_start_up_options_as_wrong_and_checks_the_rest() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session"]);
    let url = behind(&pooler, &database.name);

    let told = ["PgBouncer refuses start-up options", "DB_STATEMENT_TIMEOUT=0", "ok     server"];
    clip_db(&url, "doctor").await.assert_output(2, &told);
    clip_db(&url, "status").await.assert_output(3, &["PgBouncer refuses start-up options"]);
}

#[tokio::test]
async fn migrate_works_in_session_mode() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);

    clip_db(&url, "migrate").await.assert_output(0, &["V1__initial_schema  applied"]);
    clip_db(&url, "check").await.assert_output(0, &["schema: exactly"]);
}

#[tokio::test]
async fn migrate_says_that_it_needs_its_own_address_in_transaction_mode_and_uses_it() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);
    let in_transaction_mode = |command: &str| {
        let mut command = program(&[command]);
        command.env("DATABASE_URL", &url).env("DB_PREPARED_STATEMENTS", "off");
        command
    };

    run(&mut in_transaction_mode("status")).await.assert_output(1, &["pending"]);
    let refused = run(&mut in_transaction_mode("migrate")).await;
    refused.assert_output(2, &["set DB_MIGRATION_URL to PostgreSQL's own address"]);
    run(&mut in_transaction_mode("status")).await.assert_output(1, &["pending"]);

    let migrated = run(in_transaction_mode("migrate").env("DB_MIGRATION_URL", database.url())).await;
    migrated.assert_output(0, &["V1__initial_schema  applied"]);
    run(&mut in_transaction_mode("migrate")).await.assert_output(0, &["up to date"]);
}

#[tokio::test]
async fn a_database_on_the_command_line_is_not_migrated_through_the_environments_migration_address() {
    let (database, environments) = (empty().await, empty().await);
    let mut command = program(&["migrate", "--url", &database.url()]);

    command.env("DB_MIGRATION_URL", environments.url());
    run(&mut command).await.assert_output(0, &["V1__initial_schema  applied"]);

    clip_db(&environments.url(), "status").await.assert_output(1, &["pending"]);
}
