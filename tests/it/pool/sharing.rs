//! Reads of several tasks on the same connections: how many connections, how many reads, and which connections remain free
//! for writes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, ErrorKind, GuildId, close_db, repositories as db};
use futures::future::{FutureExt as _, join_all};
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::{LockHolder, TEST_TIMEOUT};
use crate::support::{TestDatabase, concurrently, config, guild, json};

/// The most reads that a pool of two connections runs at once. Reads share one of its connections.
const PLACES: u64 = 32;

type Read = Pin<Box<dyn Future<Output = u64> + Send>>;

/// Stores guilds 1 to `count`.
pub async fn guilds(database: &TestDatabase, count: u64) {
    let sql =
        format!("insert into bot_guilds (guild_id, name) select n, 'guild ' || n from generate_series(1, {count}) n");
    database.execute(&sql).await;
}

/// Reads a stored guild and checks that it is the right one.
pub async fn read(db: Db, id: u64) -> u64 {
    let guild = db::get_guild(&db, id.into()).await.unwrap().unwrap();
    assert_eq!((guild.guild_id, guild.name), (GuildId::from(id), format!("guild {id}")));
    id
}

/// A read that was polled once and is not polled any more.
pub fn unpolled_read(db: &Db, id: u64) -> Read {
    let mut read: Read = Box::pin(read(db.clone(), id));
    assert_eq!(read.as_mut().now_or_never(), None);
    read
}

/// A pool of `pool_max` connections without a statement timeout.
pub async fn pool_of(database: &TestDatabase, pool_max: usize) -> Db {
    let mut config = config(&database.name);
    (config.pool_max, config.statement_timeout) = (pool_max, None);
    Db::connect(config).await.unwrap()
}

#[tokio::test]
async fn reads_leave_half_of_the_pool_to_writes() {
    let database = TestDatabase::new().await;
    guilds(&database, 8).await;
    let small = pool_of(&database, 4).await;
    let all = join_all((0..4).map(|_| small.connection())).await;
    let mut reads: Vec<Read> = (1..=8).map(|id| unpolled_read(&small, id)).collect();

    drop(all);
    for read in &mut reads {
        assert_eq!(read.as_mut().now_or_never(), None);
    }

    let writes = async { (small.begin().await.unwrap(), small.begin().await.unwrap()) };
    timeout(TEST_TIMEOUT, writes).await.expect("two connections are free");
    assert_eq!(join_all(reads).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn waiting_reads_share_the_first_connection_that_comes_free() {
    let database = TestDatabase::new().await;
    guilds(&database, 8).await;
    let small = pool_of(&database, 2).await;
    read(small.clone(), 1).await;
    let (prepared, _other) = (small.connection().await.unwrap(), small.connection().await.unwrap());
    let mut first = unpolled_read(&small, 1);
    let others: Vec<Read> = (2..=8).map(|id| unpolled_read(&small, id)).collect();

    drop(prepared);
    assert_eq!(first.as_mut().now_or_never(), None);

    assert_eq!(join_all(others).await, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(first.await, 1);
}

#[tokio::test]
async fn reads_open_no_more_connections_than_the_pool_allows() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(4).await;
    let lock = LockHolder::new(&database, "lock table bot_guilds in access exclusive mode").await;

    let reads = tokio::spawn(concurrently(200, move |id| read(db.clone(), id + 1)));
    lock.wait_until_blocked(4).await; // the first read waits, the others use other connections
    lock.rollback().await;
    reads.await.unwrap();

    assert_eq!(proxy.traffic().len(), 4);
}

#[tokio::test]
async fn a_few_reads_share_the_connection_that_is_open() {
    let database = TestDatabase::new().await;
    guilds(&database, 16).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;

    concurrently(16, move |id| {
        let db = db.clone();
        async move {
            for _ in 0..100 {
                read(db.clone(), id + 1).await;
            }
        }
    })
    .await;

    assert_eq!(proxy.traffic().len(), 1);
}

#[tokio::test]
async fn writes_succeed_while_other_tasks_read_without_a_pause() {
    let database = TestDatabase::new().await;
    guilds(&database, 16).await;
    let small = pool_of(&database, 2).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let readers = concurrently(16, |reader| {
        let (small, is_over) = (small.clone(), is_over.clone());
        async move {
            while !is_over.load(Ordering::Relaxed) {
                read(small.clone(), reader + 1).await;
            }
        }
    });

    let writes = async {
        for _ in 0..100 {
            assert!(db::touch_guild(&small, 1.into()).await.unwrap());
        }
        is_over.store(true, Ordering::Relaxed);
    };

    tokio::join!(readers, writes);
}

#[tokio::test]
async fn a_pool_of_one_connection_answers_one_read_at_a_time() {
    let database = TestDatabase::new().await;
    guilds(&database, 64).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(1).await;
    read(db.clone(), 1).await;
    proxy.clear_traffic();

    concurrently(64, move |id| read(db.clone(), id + 1)).await;

    assert_eq!(proxy.flights(), ["BES"; 64]);
}

#[tokio::test]
async fn reads_share_one_connection_when_all_others_are_taken() {
    let database = TestDatabase::new().await;
    guilds(&database, 60).await;
    let small = pool_of(&database, 4).await;
    let _taken = (small.begin().await.unwrap(), small.begin().await.unwrap(), small.begin().await.unwrap());

    let reads: Vec<Read> = (1..=60).map(|id| unpolled_read(&small, id)).collect();

    assert_eq!(join_all(reads).await, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_read_fails_when_no_place_comes_free() {
    let database = TestDatabase::new().await;
    guilds(&database, PLACES + 1).await;
    let mut config = config(&database.name);
    (config.pool_max, config.acquire_timeout) = (2, Duration::from_millis(50));
    let small = Db::connect(config).await.unwrap();
    let mut unpolled: Vec<Read> = (1..=PLACES).map(|id| unpolled_read(&small, id)).collect();

    let error = db::get_guild(&small, 33.into()).await.unwrap_err();

    assert!(error.kind() == ErrorKind::PoolTimeout && error.function() == Some("get_guild"), "{error}");
    drop(unpolled.pop());
    assert_eq!(read(small, 33).await, 33);
    assert_eq!(join_all(unpolled).await, (1..PLACES).collect::<Vec<_>>());
}

#[tokio::test]
async fn reads_get_places_in_the_order_in_which_they_began_to_wait() {
    let database = TestDatabase::new().await;
    guilds(&database, PLACES + 3).await;
    let small = pool_of(&database, 2).await;
    read(small.clone(), 1).await;
    let mut places: Vec<Read> = (1..=PLACES).map(|id| unpolled_read(&small, id)).collect();
    let [first, mut second, mut third] = [33, 34, 35].map(|id| unpolled_read(&small, id));

    drop(places.pop());
    assert_eq!((third.as_mut().now_or_never(), second.as_mut().now_or_never()), (None, None));
    assert_eq!(first.await, 33);
    assert_eq!(third.as_mut().now_or_never(), None);
    assert_eq!((second.await, third.await), (34, 35));
}

#[tokio::test]
async fn all_reads_that_wait_for_a_place_get_one() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 2).await;
    let places: Vec<Read> = (1..=PLACES).map(|id| unpolled_read(&small, id)).collect();
    let waiting: Vec<Read> = (1..=200).map(|id| unpolled_read(&small, id)).collect();

    drop(places);

    assert_eq!(join_all(waiting).await, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_task_reads_what_it_has_just_written() {
    let database = TestDatabase::new().await;

    concurrently(16, |task| {
        let db = database.db.clone();
        async move {
            for n in 0..63 {
                let settings = json(&format!(r#"{{"n": {n}}}"#));
                db::set_guild_settings(&db, (task + 1).into(), &settings).await.unwrap();
                let read = db::get_guild_settings(&db, (task + 1).into()).await.unwrap().unwrap();
                assert_eq!(read.settings, settings);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn closing_waits_for_running_reads() {
    let database = TestDatabase::new().await;
    guilds(&database, 20).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(4).await;
    read(db.clone(), 1).await;
    let reads: Vec<Read> = (1..=20).map(|id| unpolled_read(&db, id)).collect();

    proxy.hold();
    let handle = db.clone();
    let closing = tokio::spawn(async move { close_db(&handle).await });
    proxy.until_sent('B', 21).await;
    let error = db::get_guild(&db, 1.into()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Closed && error.function() == Some("get_guild"), "{error}");
    assert!(!closing.is_finished());
    proxy.release();

    assert_eq!(join_all(reads).await, (1..=20).collect::<Vec<_>>());
    timeout(TEST_TIMEOUT, closing).await.expect("closing ends after the reads").unwrap();
}

#[tokio::test]
async fn closing_waits_for_calls_that_wait_for_a_connection() {
    let database = TestDatabase::new().await;
    guilds(&database, 100).await;
    let small = pool_of(&database, 2).await;
    let lock = LockHolder::new(&database, "lock table bot_guilds in exclusive mode").await;
    let touch = |id: u64| {
        let db = small.clone();
        tokio::spawn(async move { db::touch_guild(&db, id.into()).await })
    };
    let writes: Vec<_> = (1..=20).map(touch).collect();
    let reads: Vec<Read> = (1..=100).map(|id| unpolled_read(&small, id)).collect();
    lock.wait_until_blocked(1).await;

    let mut closing = Box::pin(close_db(&small));
    assert_eq!(closing.as_mut().now_or_never(), None);
    let refused =
        [db::touch_guild(&small, 1.into()).await.unwrap_err(), db::get_guild(&small, 1.into()).await.unwrap_err()];
    assert_eq!(refused.map(|error| error.kind()), [ErrorKind::Closed; 2]);
    lock.rollback().await;

    assert_eq!(join_all(reads).await, (1..=100).collect::<Vec<_>>());
    for write in writes {
        assert!(write.await.unwrap().unwrap());
    }
    timeout(TEST_TIMEOUT, closing).await.expect("closing ends after the calls");
}

#[tokio::test]
async fn closing_stops_tasks_that_read_without_a_pause() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let readers = concurrently(16, |_| {
        let db = database.db.clone();
        async move {
            loop {
                if let Err(error) = db::get_guild(&db, guild).await {
                    return error.kind() == ErrorKind::Closed && error.function() == Some("get_guild");
                }
            }
        }
    });

    let closing = async {
        read(database.db.clone(), 1).await;
        close_db(&database).await;
    };

    let (readers, ()) = timeout(TEST_TIMEOUT, async { tokio::join!(readers, closing) }).await.expect("the reads end");
    assert_eq!(readers, [true; 16]);
}
