//! Prepared statements that become useless, because the schema changes under them or somebody discards them. Such a statement
//! is not run, so nothing is stored, and the call is made again.

use std::sync::atomic::{AtomicU32, Ordering};

use clip_saver_db::{Db, Error, ErrorKind, GenericClient as _, repositories as db};

use super::renaming_pooler;
use crate::support::{TestDatabase, channel, concurrently, connect, guild};

const OTHER_TYPE: &str = "alter table bot_guilds alter column name type varchar(100)";

#[tokio::test]
async fn a_read_survives_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    let id = guild(&database, 1001).await;
    assert!(db::get_guild(&*database, id).await.unwrap().is_some());

    database.execute("alter table bot_guilds alter column name type varchar(100)").await;

    assert_eq!(db::get_guild(&*database, id).await.unwrap().unwrap().name, "guild 1001");
}

#[tokio::test]
async fn a_list_survives_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1);

    database.execute("alter table bot_guilds alter column name type varchar(100)").await;

    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1);
}

/// All sessions hold the outdated statement, and several calls run on each.
#[tokio::test]
async fn no_call_fails_when_every_session_of_the_pool_holds_an_outdated_statement() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        let connection = database.connection().await.unwrap();
        db::get_guilds(&connection).await.unwrap();
        db::get_guild(&connection, 1001.into()).await.unwrap();
        connections.push(connection);
    }
    drop(connections);

    database.execute(OTHER_TYPE).await;

    let read = concurrently(30, |_| {
        let database = database.db.clone();
        async move {
            db::get_guild(&database, 1001.into()).await.unwrap();
            db::get_guilds(&database).await.unwrap().len()
        }
    });
    assert_eq!(read.await, [1; 30]);
}

#[tokio::test]
async fn a_transaction_runs_again_after_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    channel(&database, 1001.into(), 2).await;
    db::get_guilds(&*database).await.unwrap();
    database.execute(OTHER_TYPE).await;
    let runs = AtomicU32::new(0);

    let runs_ref = &runs;
    let read = database.transaction(|tx| async move {
        runs_ref.fetch_add(1, Ordering::Relaxed);
        db::increment_channel_message_count(&tx, 2.into(), 1).await?;
        Ok::<_, Error>(db::get_guilds(&tx).await?.len())
    });

    assert_eq!((read.await.unwrap(), runs.into_inner()), (1, 2));
    assert_eq!(database.text("select message_count from bot_channels").await, "1");
}

#[tokio::test]
async fn a_call_on_the_callers_own_connection_says_that_it_may_be_repeated_and_then_it_works() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let connection = database.connection().await.unwrap();
    assert_eq!(db::get_guilds(&connection).await.unwrap().len(), 1);

    database.execute(OTHER_TYPE).await;

    let error = db::get_guilds(&connection).await.unwrap_err();
    assert!(error.kind() == ErrorKind::StaleStatement && error.is_retryable(), "{error:?}");
    assert_eq!(db::get_guilds(&connection).await.unwrap().len(), 1);
}

const DEALLOCATE_ALL: &str = "create function deallocate_all() returns int language plpgsql as
    $$ begin execute 'deallocate all'; return 1; end $$";

/// Deallocates a session's prepared statements. With a raw client the session would not go back to the pool.
async fn deallocate_all(db: &Db) {
    let connection = db.connection().await.unwrap();
    let deallocate = connection.prepare("select deallocate_all()").await.unwrap();
    connection.query_one(&deallocate, &[]).await.unwrap();
}

/// A counter must not be sent twice, but a statement that is unknown to the server was not run.
#[tokio::test]
async fn calls_whose_statements_were_discarded_are_made_again_also_those_that_must_not_be_sent_twice() {
    let database = TestDatabase::new().await;
    let id = guild(&database, 1001).await;
    let channel = channel(&database, id, 2001).await;
    assert!(db::touch_guild(&*database, id).await.unwrap());
    assert!(db::increment_channel_message_count(&*database, channel, 1).await.unwrap());
    database.execute(DEALLOCATE_ALL).await;

    deallocate_all(&database).await;
    assert!(db::touch_guild(&*database, id).await.unwrap());

    deallocate_all(&database).await;
    assert!(db::increment_channel_message_count(&*database, channel, 1).await.unwrap());
    assert_eq!(database.text("select message_count from bot_channels").await, "2");
}

/// The pooler prepares a text once, for all its clients: also programs that start later would get the outdated statement.
#[tokio::test]
async fn programs_behind_a_pooler_that_shares_prepared_statements_survive_changes_of_a_columns_type() {
    let (_server, [direct, pooled]) = renaming_pooler::start("PGBOUNCER_").await;
    let owner = Db::connect(direct.parse().unwrap()).await.unwrap();
    owner.migrate().await.unwrap();
    guild(&owner, 1001).await;
    let running = Db::connect(pooled.parse().unwrap()).await.unwrap();
    assert_eq!(db::get_guilds(&running).await.unwrap().len(), 1);

    for length in [100, 200, 300] {
        let change = format!("alter table bot_guilds alter column name type varchar({length})");
        connect(&direct).await.batch_execute(&change).await.unwrap();

        let later = Db::connect(pooled.parse().unwrap()).await.unwrap();
        for program in [&running, &later] {
            assert_eq!(db::get_guilds(program).await.unwrap().len(), 1);
            assert!(db::get_guild(program, 1001.into()).await.unwrap().is_some());
            assert!(db::touch_guild(program, 1001.into()).await.unwrap());
        }
    }
}
