//! Connections that are opened in the background while many reads share those that are open.

use std::sync::Arc;

use clip_saver_db::{Config, Db, close_db};
use tokio::time::timeout;

use crate::pool::sharing::{guilds, read};
use crate::support::proxy::{Newcomers, Proxy};
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, changed, concurrently};

#[tokio::test]
async fn many_reads_of_a_cold_pool_open_the_connections_that_they_may_share() {
    let database = TestDatabase::new().await;
    guilds(&database, 64).await;
    let proxy = Arc::new(Proxy::to(&database.name).await);
    let db = proxy.pool(10).await;
    assert_eq!(proxy.traffic().len(), 1);

    read_until_connections(4, &db, &proxy).await;
}

#[tokio::test]
async fn closing_while_a_connection_is_opened_that_no_call_waits_for_leaves_no_session_on_the_server() {
    let database = TestDatabase::new().await;
    guilds(&database, 64).await;
    let proxy = Arc::new(Proxy::to(&database.name).await);
    let config: Config = format!("{}&application_name=pool", proxy.url()).parse().unwrap();
    let db = Db::connect(changed!(config, connect_timeout = 2 * TEST_TIMEOUT)).await.unwrap();
    proxy.hold_new();
    read_until_connections(2, &db, &proxy).await;
    until_sessions("2", &database).await;

    close_db(&db).await;

    until_sessions("0", &database).await;
}

#[tokio::test]
async fn reads_open_no_further_connection_for_a_while_after_the_server_has_refused_one() {
    let database = TestDatabase::new().await;
    guilds(&database, 64).await;
    let proxy = Arc::new(Proxy::to(&database.name).await);
    let db = proxy.pool(10).await;
    proxy.treat_newcomers(Newcomers::Closed);
    read_until_connections(2, &db, &proxy).await;

    concurrently(64, move |id| {
        let db = db.clone();
        async move {
            for _ in 0..100 {
                read(db.clone(), id + 1).await;
            }
        }
    })
    .await;

    assert_eq!(proxy.traffic().len(), 2);
}

/// Reads in 64 tasks until the pool has asked for so many connections.
async fn read_until_connections(count: usize, db: &Db, proxy: &Arc<Proxy>) {
    let reads = concurrently(64, |id| {
        let (db, proxy) = (db.clone(), proxy.clone());
        async move {
            while proxy.traffic().len() < count {
                read(db.clone(), id + 1).await;
            }
        }
    });
    timeout(TEST_TIMEOUT, reads).await.expect("it asks for them");
}

/// Waits until the server has so many sessions of the pool.
async fn until_sessions(count: &str, database: &TestDatabase) {
    let sql = "select count(*) from pg_stat_activity
        where datname = current_database() and application_name = 'pool'";
    let counting = async { while database.text(sql).await != count {} };
    timeout(TEST_TIMEOUT, counting).await.expect("the server has them");
}
