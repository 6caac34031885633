//! Bringing the schema up to date at start.

use clip_saver_db::{Db, Error};

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
    assert_eq!(database.text("select string_agg(version::text, ',') from refinery_schema_history").await, "1,2");
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

        assert!(matches!(error, Error::Migration { .. }));
        assert!(error.to_string().contains(named), "{change}: {error}");
    }
}
