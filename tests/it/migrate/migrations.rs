//! Migrating at the start of a program.

use std::time::Duration;

use clip_saver_db::{Db, ErrorKind, migrate};
use tokio::time::timeout;

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, applied, concurrently, config, create_database, versions};

async fn empty() -> TestDatabase {
    let name = create_database("template template0").await;
    TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name }
}

#[tokio::test]
async fn programs_that_start_together_on_an_empty_database_all_start() {
    let database = empty().await;

    let results = concurrently(8, |_| {
        let config = config(&database.name);
        async move { Db::connect(config).await?.migrate().await }
    })
    .await;

    for result in results {
        result.unwrap();
    }
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn an_up_to_date_database_needs_only_a_role_that_may_read() {
    let database = TestDatabase::new().await;
    database
        .execute(&format!("create role {0} login; grant select on all tables in schema public to {0}", database.name))
        .await;
    let url = database.url().replace("postgres@", &format!("{}@", database.name));
    let reader = Db::connect(url.parse().unwrap()).await.unwrap();

    reader.migrate().await.unwrap();

    reader.close().await;
    database.execute(&format!("drop owned by {0}; drop role {0}", database.name)).await;
}

#[tokio::test]
async fn a_program_accepts_a_database_that_is_newer_than_itself() {
    let database = TestDatabase::new().await;
    database.execute("insert into refinery_schema_history values (99, 'future', '2030-01-01T00:00:00Z', '1')").await;

    database.migrate().await.unwrap();
}

#[tokio::test]
async fn a_changed_or_missing_migration_file_gives_an_error_that_names_it() {
    for (change, named) in [
        ("update refinery_schema_history set checksum = '1' where version = 1", "V1__initial_schema"),
        ("insert into refinery_schema_history values (0, 'zeroth', '2020-01-01T00:00:00Z', '1')", "V0__zeroth"),
        ("delete from refinery_schema_history where version = 1", "V1__initial_schema"),
    ] {
        let database = TestDatabase::new().await;
        database.execute(change).await;

        let error = database.migrate().await.unwrap_err();

        assert!(error.kind() == ErrorKind::Migration);
        assert!(error.to_string().contains(named), "{change}: {error}");
    }
}

#[tokio::test]
async fn a_dropped_schema_comparison_leaves_no_setting_or_transaction_in_the_pool() {
    let database = TestDatabase::new().await;
    let mut config = config(&database.name);
    config.pool_max = 1;
    let small = Db::connect(config).await.unwrap();

    for milliseconds in 1..20 {
        let _ = timeout(Duration::from_millis(milliseconds), migrate::drift(&small)).await;
        let connection = small.connection().await.unwrap();
        let row = connection
            .raw()
            .query_one("select current_setting('search_path'), pg_current_xact_id_if_assigned() is null", &[]);
        let row = row.await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("\"public\"", true));
    }
}

#[tokio::test]
async fn a_role_that_has_its_own_schema_migrates_the_schema_public_as_other_roles_do() {
    let database = empty().await;
    let role = &database.name;
    database.execute(&format!("create role {role} login superuser; create schema {role} authorization {role}")).await;
    let url = database.url().replace("postgres@", &format!("{role}@"));

    Db::connect(url.parse().unwrap()).await.unwrap().migrate().await.unwrap();

    assert_eq!(applied(&database).await, versions());
    database.migrate().await.unwrap();
    assert!(migrate::plan(&database).await.unwrap().is_up_to_date());
    database.execute(&format!("reassign owned by {role} to postgres; drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_migration_that_ends_in_a_deadlock_with_a_writer_is_tried_again() {
    let database = empty().await;
    database.execute(include_str!("../../fixtures/existing_database.sql")).await;
    // Only the migrating program looks for deadlocks, so PostgreSQL ends its transaction and not the writer's.
    let without_deadlock_check = "set local deadlock_timeout = '1min'; update bot_channels set name = 'x'";
    let writer = LockHolder::new(&database, without_deadlock_check).await;

    let handle = database.db.clone();
    let migrating = tokio::spawn(async move { handle.migrate().await });
    writer.wait_until_blocked(1).await;
    writer.run_sql("update bot_guilds set name = 'x'").await;
    writer.commit().await;

    migrating.await.unwrap().unwrap();
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn the_history_of_another_program_is_named_with_the_way_out_and_nothing_is_changed() {
    let database = empty().await;
    database
        .execute(
            "create table refinery_schema_history
               (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255));
             insert into refinery_schema_history values (1, 'create_orders', '2024-01-01T00:00:00Z', '1'),
               (2, 'indexes', '2024-01-02T00:00:00Z', '2')",
        )
        .await;

    let error = database.migrate().await.unwrap_err().to_string();

    let told = "is another program's: its first migration is V1__create_orders. Nothing was changed. Set DB_SCHEMA";
    assert!(error.contains(told), "{error}");
    assert_eq!(database.text("select count(*) from pg_tables where schemaname = 'public'").await, "1");
}

/// A database of the Python programs with an index that somebody has made by hand.
async fn with_index(sql: &str) -> TestDatabase {
    let database = empty().await;
    database.execute(include_str!("../../fixtures/existing_database.sql")).await;
    database.execute(sql).await;
    database
}

#[tokio::test]
async fn an_index_that_has_the_name_of_a_files_index_but_another_definition_is_refused_with_the_difference() {
    for (made, found) in [
        ("create index idx_bot_scan_runs_newest on bot_channel_scan_runs (channel_id)", "btree (channel_id)"),
        (
            "create unique index idx_bot_scan_runs_newest on bot_channel_scan_runs (channel_id, created_at desc, id)",
            "UNIQUE",
        ),
        ("create index idx_bot_scan_runs_newest on users (username)", "ON users"),
    ] {
        let database = with_index("").await;
        migrate::adopt(&database).await.unwrap();
        database.execute(made).await;

        let error = database.migrate().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Migration);
        let error = error.to_string();
        assert!(error.contains("V4__index_scan_runs makes an index, but somebody has made another one"), "{error}");
        assert!(error.contains("expected CREATE INDEX idx_bot_scan_runs_newest ON bot_channel_scan_runs"), "{error}");
        assert!(
            error.contains(found) && error.contains("`drop index concurrently public.idx_bot_scan_runs_newest`"),
            "{error}"
        );
        assert_eq!(applied(&database).await, [1, 2, 3]);
        database.execute("drop index concurrently idx_bot_scan_runs_newest").await;
        database.migrate().await.unwrap();
        assert_eq!(applied(&database).await, versions());
    }
}

#[tokio::test]
async fn an_index_that_is_the_one_of_a_file_is_recorded() {
    let made = "create index idx_bot_scan_runs_newest on bot_channel_scan_runs (channel_id, created_at desc, id)";
    let database = with_index(made).await;

    database.migrate().await.unwrap();

    assert_eq!(applied(&database).await, versions());
}
