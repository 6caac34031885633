//! Bringing the schema up to date at start.

use std::time::Duration;

use clip_saver_db::{Db, ErrorKind, migrate};
use tokio::time::timeout;

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, concurrently, config, create_database};

async fn empty() -> TestDatabase {
    let name = create_database("template template0").await;
    TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name }
}

#[tokio::test]
async fn programs_that_start_together_on_an_empty_database_all_come_up() {
    let database = empty().await;

    let results = concurrently(8, |_| {
        let config = config(&database.name);
        async move { Db::connect(config).await?.migrate().await }
    })
    .await;

    for result in results {
        result.unwrap();
    }
    assert_eq!(
        database.text("select string_agg(version::text, ',') from refinery_schema_history").await,
        "1,2,3,4,5,6"
    );
}

#[tokio::test]
async fn with_nothing_to_do_a_role_that_may_only_read_is_enough() {
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
async fn a_database_that_is_newer_than_the_program_is_no_obstacle() {
    let database = TestDatabase::new().await;
    database.execute("insert into refinery_schema_history values (99, 'future', '2030-01-01T00:00:00Z', '1')").await;

    database.migrate().await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_changed_or_lost_is_an_error_that_names_it() {
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
async fn a_comparison_that_is_given_up_leaves_nothing_behind_in_the_pool() {
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
        assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("\"$user\", public", true));
    }
}

#[tokio::test]
async fn a_role_with_a_schema_of_its_own_migrates_the_same_schema_as_all_others() {
    let database = empty().await;
    let role = &database.name;
    database.execute(&format!("create role {role} login superuser; create schema {role} authorization {role}")).await;
    let url = database.url().replace("postgres@", &format!("{role}@"));

    Db::connect(url.parse().unwrap()).await.unwrap().migrate().await.unwrap();

    assert_eq!(database.text("select count(*) from public.refinery_schema_history").await, "6");
    database.migrate().await.unwrap();
    assert!(migrate::plan(&database).await.unwrap().is_up_to_date());
    database.execute(&format!("reassign owned by {role} to postgres; drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_deadlock_with_a_program_that_writes_is_tried_again() {
    let database = empty().await;
    database.execute(include_str!("../../fixtures/existing_database.sql")).await;
    // Only the program that migrates looks for deadlocks, so that it is the one that ends.
    let patient = "set local deadlock_timeout = '1min'; update bot_channels set name = 'x'";
    let writer = LockHolder::new(&database, patient).await;

    let handle = database.db.clone();
    let migrating = tokio::spawn(async move { handle.migrate().await });
    writer.wait_until_blocked(1).await;
    writer.run_sql("update bot_guilds set name = 'x'").await;
    writer.commit().await;

    migrating.await.unwrap().unwrap();
    assert_eq!(database.text("select count(*) from refinery_schema_history").await, "6");
}
