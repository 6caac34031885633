//! Which of several sets of tables is the right one: nobody is led to make a second, empty one.

use clip_saver_db::{Db, ErrorKind, PreparedStatements, migrate};

use super::schemas::{EXISTING, empty, existing_in, guilds_by_schema, in_schema, look_in, schema_config};
use crate::support::{TestDatabase, changed, concurrently, create_database, guild, versions};

const FOREIGN_HISTORY: &str = "create table refinery_schema_history
    (version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255));
    insert into refinery_schema_history values (1, 'initial_schema', '', '1'), (2, 'orders', '', '2')";

async fn refusal(db: &Db) -> String {
    let error = db.migrate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Migration, "{error}");
    error.to_string()
}

/// Runs the statement that an error names in backquotes.
async fn follow(database: &TestDatabase, error: &str) {
    let statement = error.split('`').find(|part| part.starts_with("alter role")).expect("the error names a statement");
    database.execute(statement).await;
}

#[tokio::test]
async fn a_database_of_the_python_programs_is_planned_and_adopted_without_prepared_statements() {
    let database = empty().await;
    database.execute(EXISTING).await;
    let config = changed!(schema_config(&database, "public"), prepared_statements = PreparedStatements::Off);
    let db = Db::connect(config).await.unwrap();

    assert!(migrate::plan(&db).await.unwrap().is_unrecorded);
    db.migrate().await.unwrap();

    assert!(migrate::plan(&db).await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn another_programs_history_beside_tables_of_the_python_programs_does_not_make_them_recorded() {
    for history in [FOREIGN_HISTORY, "create table refinery_schema_history (version int, name text, checksum text)"] {
        let database = empty().await;
        database.execute(&format!("{EXISTING}; set search_path = public; {history}")).await;

        let error = refusal(&in_schema(&database, "clips").await).await;

        assert!(error.contains("are in: public; DB_SCHEMA is clips, which has none"), "{error}");
        assert_eq!(guilds_by_schema(&database).await.len(), 1);
    }
}

#[tokio::test]
async fn another_programs_history_is_named_even_if_its_first_migration_has_our_name() {
    let database = empty().await;
    database.execute(FOREIGN_HISTORY).await;

    let error = refusal(&database).await;

    assert!(error.contains("is another program's: its first migration is V1__initial_schema"), "{error}");
}

/// Somebody forgot the variable in one of two programs.
#[tokio::test]
async fn nothing_is_made_in_public_while_the_roles_path_leads_to_migrated_tables() {
    let database = existing_in("app").await;
    look_in(&database, "app").await;
    in_schema(&database, "app").await.migrate().await.unwrap();

    let error = refusal(&in_schema(&database, "public").await).await;

    assert!(error.contains("leads to tables of this program in app; DB_SCHEMA is public, which has none"), "{error}");
    assert_eq!(guilds_by_schema(&database).await.len(), 1);
}

#[tokio::test]
async fn who_wants_new_tables_beside_old_ones_points_the_role_there() {
    let database = existing_in("old").await;
    database.execute("drop table old.bot_channel_scan_runs").await; // cannot be adopted
    let db = in_schema(&database, "clips").await;

    let error = refusal(&db).await;
    assert!(error.contains("are in: old; DB_SCHEMA is clips, which has none"), "{error}");
    follow(&database, &error).await;

    let again = in_schema(&database, "clips").await;
    again.migrate().await.unwrap();
    guild(&again, 1).await;
    assert_eq!(guilds_by_schema(&database).await.len(), 2);
    database.execute(&format!("alter role postgres in database {} reset search_path", database.name)).await;
}

#[tokio::test]
async fn another_bots_table_is_not_taken_for_one_of_the_python_programs() {
    let database = empty().await;
    database.execute("create table bot_guilds (guild_id bigint primary key, prefix text)").await;

    let error = refusal(&database).await;
    assert!(error.contains("holds tables of another program: bot_guilds"), "{error}");

    in_schema(&database, "clips").await.migrate().await.unwrap();
}

#[tokio::test]
async fn programs_that_start_together_wait_for_each_other_whatever_the_encoding() {
    let name = create_database("encoding 'LATIN1' locale 'C' template template0").await;
    let database = TestDatabase { db: Db::connect(crate::support::config(&name)).await.unwrap(), name };

    let migrated = concurrently(4, |_| {
        let config = schema_config(&database, "public");
        async move { Db::connect(config).await.unwrap().migrate().await }
    });

    migrated.await.into_iter().for_each(Result::unwrap);
    assert_eq!(crate::support::applied(&database).await, versions());
}
