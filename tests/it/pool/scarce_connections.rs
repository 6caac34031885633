//! No call waits for a connection that cannot be opened while others come free: the server allows fewer than the pool may open,
//! or new connections fail while old ones work.

use std::time::Duration;

use clip_saver_db::{Config, Db, ErrorKind, repositories as db};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::project::roles::Roles;
use crate::support::proxy::{Newcomers, Proxy};
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, concurrently, guild};

/// Makes 100 calls in each of 12 tasks. Each needs a connection for itself.
async fn call_in_12_tasks(database: &Db) {
    let tasks = concurrently(12, |_| {
        let database = database.clone();
        async move {
            for _ in 0..100 {
                assert!(db::touch_guild(&database, 1.into()).await.unwrap());
            }
        }
    });
    timeout(TEST_TIMEOUT, tasks).await.expect("no task starves");
}

/// The bot's role, which may open this many connections.
async fn bot_with_limit(limit: u32) -> Roles {
    let roles = Roles::on_migrated().await;
    set_limit(&roles, limit).await;
    roles
}

async fn set_limit(roles: &Roles, limit: u32) {
    roles.database.execute(&format!("alter role {} connection limit {limit}", roles.name("bot"))).await;
}

#[tokio::test]
async fn all_tasks_get_their_turn_when_the_role_may_open_fewer_connections_than_the_pool() {
    let roles = bot_with_limit(3).await;
    let db = roles.connect("bot").await;
    guild(&db, 1).await;

    call_in_12_tasks(&db).await;

    assert_eq!(db.health().await.unwrap().connections, 3);
    set_limit(&roles, 10).await;
    while db.health().await.unwrap().connections <= 3 {
        call_in_12_tasks(&db).await;
    }
    db.close().await;
    roles.drop().await;
}

#[tokio::test]
async fn all_tasks_get_their_turn_when_new_connections_fail_while_old_ones_work() {
    for newcomers in [Newcomers::Closed, Newcomers::Ignored] {
        let database = TestDatabase::new().await;
        guild(&database, 1).await;
        let proxy = Proxy::to(&database.name).await;
        let db = proxy.pool(10).await;
        let connections = [db.connection().await.unwrap(), db.connection().await.unwrap()];
        drop(connections);

        proxy.treat_newcomers(newcomers);

        call_in_12_tasks(&db).await;
        assert_eq!(db.health().await.unwrap().connections, 2, "{newcomers:?}");
    }
}

/// As with a password that was changed: the open connections go on.
#[tokio::test]
async fn all_tasks_get_their_turn_when_the_role_may_not_log_in_any_more() {
    let roles = Roles::on_migrated().await;
    let db = roles.connect("bot").await;
    guild(&db, 1).await;
    roles.database.execute(&format!("alter role {} nologin", roles.name("bot"))).await;

    call_in_12_tasks(&db).await;

    assert_eq!(db.health().await.unwrap().connections, 1);
    db.close().await;
    roles.drop().await;
}

#[tokio::test]
async fn a_call_that_gets_no_connection_in_time_says_why_the_server_opens_none() {
    let roles = bot_with_limit(1).await;
    let mut config: Config = roles.url("bot").parse().unwrap();
    config.acquire_timeout = Duration::from_millis(500);
    let db = Db::connect(config).await.unwrap();
    let held = db.connection().await.unwrap();

    let error = db.connection().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Connection && error.is_retryable(), "{error:?}");
    assert_eq!(error.sqlstate(), Some("53300"));
    drop(held);
    db.close().await;
    roles.drop().await;
}

/// As in a program that opens the database in one runtime and uses it in another.
#[test]
fn a_call_does_not_wait_for_a_connection_that_a_runtime_drives_which_does_not_run() {
    let (name, db) = {
        let opening = Builder::new_current_thread().enable_all().build().unwrap();
        let opened = opening.block_on(async {
            let database = TestDatabase::new().await;
            guild(&database, 1).await;
            let db = Db::connect(database.url().parse().unwrap()).await.unwrap();
            (database, db)
        });
        std::mem::forget(opening); // it is not driven any more, and its connections stay open
        opened
    };
    let using = Builder::new_current_thread().enable_all().build().unwrap();

    using.block_on(async {
        let read = timeout(TEST_TIMEOUT, db::get_guild(&db, 1.into())).await.expect("the call ends");
        assert!(read.unwrap().is_some());
        let written = timeout(TEST_TIMEOUT, db::touch_guild(&db, 1.into())).await.expect("the call ends");
        assert!(written.unwrap());
    });
    drop(name);
}

#[test]
fn a_call_does_not_take_a_returned_connection_whose_runtime_does_not_run() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (opening, using) = (runtime(), runtime());
    let (_database, db, held) = opening.block_on(async {
        let database = TestDatabase::new().await;
        guild(&database, 1).await;
        let mut config: Config = database.url().parse().unwrap();
        config.pool_max = 1;
        let db = Db::connect(config).await.unwrap();
        let held = db.connection().await.unwrap();
        (database, db, held)
    });
    std::mem::forget(opening);

    using.block_on(async {
        let (touched, ()) = tokio::join!(timeout(TEST_TIMEOUT, db::touch_guild(&db, 1.into())), async { drop(held) });
        assert!(touched.expect("the call ends").unwrap());
    });
}
