//! When a connection is silent: something is awaited on it, no byte moves, and the server is not running its statement.
//! These pools close a silent connection after 6 s.

use std::time::Duration;

use clip_saver_db::{Connection, Db, ErrorKind, GenericClient, GuildId, GuildSnapshot, repositories as db};
use futures::future::try_join_all;
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, backend_pid, guild};

/// 4 MB, which take 8 s at [`RATE`].
const GUILDS: u64 = 40;
const NAME: usize = 100 << 10;
const RATE: usize = 512 << 10;

/// A database, and a pool of three connections to it through a proxy. The server ends a statement after a second.
struct Scene {
    database: TestDatabase,
    proxy: Proxy,
    db: Db,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let proxy = Proxy::to(&database.name).await;
        let mut config = proxy.config();
        (config.pool_max, config.statement_timeout) = (3, Some(Duration::from_secs(1)));
        let db = Db::connect(config).await.unwrap();
        Self { database, proxy, db }
    }

    /// All connections of the pool at once.
    async fn connections(&self) -> Vec<Connection> {
        try_join_all((0..3).map(|_| self.db.connection())).await.unwrap()
    }

    /// The pool's backends.
    async fn pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for connection in self.connections().await {
            pids.push(backend_pid(&connection).await);
        }
        pids.sort_unstable();
        pids
    }
}

fn large_guilds() -> Vec<GuildSnapshot> {
    (1..=GUILDS).map(|id| GuildSnapshot::new(GuildId::from(id), "x".repeat(NAME))).collect()
}

/// In a transaction: the server no longer ends its statements.
async fn without_statement_timeout(client: &impl GenericClient) {
    client.query_one("select set_config('statement_timeout', '0', true)", &[]).await.unwrap();
}

#[tokio::test]
async fn a_slow_upload_is_not_silence() {
    let scene = Scene::new().await;
    let before = scene.pids().await;
    scene.proxy.throttle(RATE);

    let written = timeout(TEST_TIMEOUT, db::upsert_guilds(&scene.db, &large_guilds())).await.expect("it ends");

    assert_eq!(written.unwrap(), GUILDS);
    assert_eq!(scene.pids().await, before);
}

#[tokio::test]
async fn a_long_answer_is_not_silence() {
    let scene = Scene::new().await;
    db::upsert_guilds(&scene.database.db, &large_guilds()).await.unwrap();
    let before = scene.pids().await;
    let transaction = scene.db.begin().await.unwrap();
    without_statement_timeout(&transaction).await;
    scene.proxy.throttle(RATE);

    let guilds = timeout(TEST_TIMEOUT, db::get_guilds(&transaction)).await.expect("it ends");

    assert_eq!(guilds.unwrap().len(), usize::try_from(GUILDS).unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(scene.proxy.traffic().len(), 3, "bytes move: nobody had to ask the server");
    assert_eq!(scene.pids().await, before);
}

#[tokio::test]
async fn a_statement_that_may_take_longer_than_others_is_not_silence() {
    let scene = Scene::new().await;
    let before = scene.pids().await;
    let transaction = scene.db.begin().await.unwrap();
    without_statement_timeout(&transaction).await;

    let slept = timeout(TEST_TIMEOUT, transaction.query_one("select 1 from pg_sleep(9)", &[])).await.expect("it ends");

    assert_eq!(slept.unwrap().get::<_, i32>(0), 1);
    transaction.commit().await.unwrap();
    assert_eq!(scene.pids().await, before);
}

#[tokio::test]
async fn a_connection_whose_answer_is_lost_is_closed_and_its_neighbours_stay() {
    let scene = Scene::new().await;
    guild(&scene.database, 1).await;
    let [first, second, third] = scene.connections().await.try_into().unwrap();
    let neighbours = [backend_pid(&second).await, backend_pid(&third).await];
    drop((second, third));
    scene.proxy.hold_these();

    let error = timeout(TEST_TIMEOUT, db::touch_guild(&first, 1.into())).await.expect("it ends").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Connection, "the statement was being prepared: {error:?}");
    drop(first);
    scene.proxy.release();
    let after = scene.pids().await;
    assert!(neighbours.iter().all(|pid| after.contains(pid)), "{neighbours:?} {after:?}");
}
