//! What a role lacks to migrate: the error says who can give it, and that is true. Each case has a role of its own that is no
//! superuser.

use clip_saver_db::ErrorKind;

use crate::migrate::adoption::EXISTING;
use crate::project::roles::Roles;
use crate::support::{applied, versions};

/// refinery's table, as another role may have made it.
const HISTORY: &str = "create table refinery_schema_history
    (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))";

/// The error of a migration by the owner. `OWNER` and `DATABASE` in SQL and texts stand for its role and the database.
async fn error_of(roles: &Roles) -> String {
    let db = roles.connect("owner").await;
    let error = db.migrate().await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Migration, Some("42501")), "{error}");
    db.close().await;
    error.to_string()
}

fn named(roles: &Roles, text: &str) -> String {
    text.replace("OWNER", &roles.name("owner")).replace("DATABASE", &roles.database.name)
}

/// Runs the advised SQL in backquotes, and checks that the owner can migrate then.
async fn follow(roles: &Roles, error: &str, advised: &str) {
    let advised = named(roles, advised);
    assert!(error.contains(&format!("`{advised}`")), "no {advised:?} in {error}");
    roles.database.execute(&advised).await;
    roles.connect("owner").await.migrate().await.unwrap();
    assert_eq!(applied(&roles.database).await, versions());
}

/// An empty database that belongs to a superuser, where the owner of the tables-to-be has only these rights.
async fn empty_with(rights: &str) -> Roles {
    let roles = Roles::on_empty().await;
    let base = "alter database DATABASE owner to postgres; revoke all on schema public from OWNER, public";
    roles.database.execute(&named(&roles, &format!("{base}; {rights}"))).await;
    roles
}

/// The same with the tables of the Python programs.
async fn existing_with(rights: &str) -> Roles {
    let roles = empty_with("grant usage, create on schema public to OWNER").await;
    roles.database.execute(EXISTING).await;
    roles.hand_over().await;
    roles.database.execute(&named(&roles, rights)).await;
    roles
}

#[tokio::test]
async fn a_role_that_may_not_create_tables_is_told_who_can_grant_it() {
    let roles = empty_with("grant usage on schema public to OWNER; grant create on database DATABASE to OWNER").await;

    let error = error_of(&roles).await;

    assert!(error.contains("run `clip-db migrate` as postgres"), "{error}");
    follow(&roles, &error, "grant usage, create on schema public to OWNER").await;
    roles.drop().await;
}

#[tokio::test]
async fn a_role_that_may_not_read_the_history_is_told_so() {
    let roles = existing_with(HISTORY).await;

    let error = error_of(&roles).await;

    assert!(error.contains("may not read the history of migrations: let the owner of the tables grant it"), "{error}");
    roles.drop().await;
}

#[tokio::test]
async fn a_role_that_may_not_use_the_schema_is_told_what_its_owner_must_run() {
    let roles = empty_with("").await;

    let error = roles.connect("owner").await.migrate().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Migration);
    let grant = format!("let its owner run `grant usage on schema public to {}`", roles.name("owner"));
    assert!(error.to_string().contains(&grant), "{error}");
    roles.drop().await;
}

#[tokio::test]
async fn a_role_that_may_not_create_the_extension_is_told_what_an_administrator_must_run() {
    let roles = empty_with("grant usage, create on schema public to OWNER").await;

    let error = error_of(&roles).await;

    assert!(!error.contains("run `clip-db migrate` as"), "nobody else needs to migrate: {error}");
    follow(&roles, &error, "create extension pgcrypto with schema public").await;
    roles.drop().await;
}

#[tokio::test]
async fn the_owner_of_the_tables_who_may_not_create_a_schema_is_told_what_the_databases_owner_must_run() {
    let roles = existing_with("").await;

    let error = error_of(&roles).await;

    assert!(error.contains("let postgres, who owns the database, run"), "{error}");
    assert!(!error.contains("run `clip-db migrate` as"), "the owner is already at it: {error}");
    follow(&roles, &error, "grant create on database DATABASE to OWNER").await;
    roles.drop().await;
}

#[tokio::test]
async fn a_role_that_does_not_own_a_table_is_told_whose_it_is() {
    let roles =
        existing_with("alter table bot_guilds owner to postgres; grant create on database DATABASE to OWNER").await;

    let error = error_of(&roles).await;

    assert!(
        error.contains("does not own all tables (bot_guilds: postgres): run `clip-db migrate` as their owner"),
        "{error}"
    );
    roles.database.execute(&named(&roles, "grant postgres to OWNER")).await;
    roles.connect("owner").await.migrate().await.unwrap();
    assert_eq!(applied(&roles.database).await, versions());
    roles.database.execute(&named(&roles, "revoke postgres from OWNER")).await;
    roles.drop().await;
}

#[tokio::test]
async fn a_role_that_may_not_write_the_history_is_told_what_its_owner_must_run() {
    let roles = existing_with("grant create on database DATABASE to OWNER").await;
    let history = format!("{HISTORY}; grant select on refinery_schema_history to OWNER");
    roles.database.execute(&named(&roles, &history)).await;

    let error = error_of(&roles).await;

    follow(&roles, &error, "grant select, insert on public.refinery_schema_history to OWNER").await;
    roles.drop().await;
}
