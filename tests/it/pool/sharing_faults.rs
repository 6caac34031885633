//! Reads on the same connections while some of them are given up, are forgotten, take too long or lose their connection:
//! the others get what they asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, ErrorKind, repositories as db};
use futures::future::{FutureExt as _, join_all};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::pool::sharing::{guilds, kept, pool_of, read};
use crate::support::proxy::Proxy;
use crate::support::races::{LockHolder, TEST_TIMEOUT};
use crate::support::{TestDatabase, concurrently, config, connect};

const LOCK: &str = "lock table install_intents in access exclusive mode";

/// Reads of 32 tasks, each of which asks for other guilds than the others at any moment.
async fn neighbours(db: &Db, rounds: u64) {
    let reads = concurrently(32, |task| {
        let db = db.clone();
        async move {
            for round in 0..rounds {
                read(db.clone(), (task * 7 + round * 31) % 200 + 1).await;
            }
        }
    });
    timeout(TEST_TIMEOUT, reads).await.expect("nobody holds them up");
}

/// Begins reads and drops them at moments of all kinds.
async fn give_up_reads(db: &Db, reads: u64) {
    for id in 1..=reads {
        let reading = tokio::spawn(read(db.clone(), id % 200 + 1));
        for _ in 0..rand::random_range(0..6) {
            yield_now().await;
        }
        reading.abort();
    }
}

async fn reads_are_given_up_beside_others(db: &Db) {
    let giving_up = concurrently(8, |_| {
        let db = db.clone();
        async move { give_up_reads(&db, 500).await }
    });
    tokio::join!(giving_up, neighbours(db, 100));
    neighbours(db, 1).await;
}

#[tokio::test]
async fn a_dropped_read_leaves_its_neighbours_alone() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;

    reads_are_given_up_beside_others(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_read_leaves_its_neighbours_alone_on_many_threads() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;

    reads_are_given_up_beside_others(&database).await;
}

#[tokio::test]
async fn a_read_that_waits_for_a_lock_holds_up_none_of_another_table() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let handle = database.db.clone();
    let waiting = tokio::spawn(concurrently(3, move |_| {
        let db = handle.clone();
        async move { db::get_install_intent(&db, "x").await.unwrap() }
    }));
    lock.wait_until_blocked(3).await;

    neighbours(&database, 10).await;

    assert!(!waiting.is_finished());
    lock.rollback().await;
    assert_eq!(waiting.await.unwrap(), [None, None, None]);
}

#[tokio::test]
async fn a_read_that_is_given_up_while_it_waits_for_a_lock_holds_up_none_after_it() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let db = pool_of(&database, 10).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let mut reading = Box::pin(db::get_install_intent(&db, "x"));
    tokio::select! {
        _ = &mut reading => unreachable!("the table is locked"),
        () = lock.wait_until_blocked(1) => drop(reading),
    }

    neighbours(&db, 10).await;

    lock.rollback().await;
}

#[tokio::test]
async fn a_write_that_is_given_up_while_it_waits_for_a_lock_holds_up_none_after_it() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, "select from bot_guilds where guild_id = '1' for update").await;
    let mut writing = Box::pin(db::touch_guild(&small, 1.into()));
    tokio::select! {
        _ = &mut writing => unreachable!("the guild is locked"),
        () = lock.wait_until_blocked(1) => drop(writing),
    }

    let next = timeout(TEST_TIMEOUT, db::touch_guild(&small, 2.into())).await.expect("nobody holds it up");

    assert!(next.unwrap());
    lock.rollback().await;
}

#[tokio::test]
async fn a_read_that_the_server_ends_leaves_its_neighbours_alone() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let _lock = LockHolder::new(&database, LOCK).await;

    for milliseconds in [200, 1200] {
        let mut config = config(&database.name);
        config.statement_timeout = Some(Duration::from_millis(milliseconds));
        let hurried = Db::connect(config).await.unwrap();
        let ended = concurrently(3, |_| {
            let hurried = hurried.clone();
            async move { db::get_install_intent(&hurried, "x").await.unwrap_err() }
        });

        let (errors, ()) = tokio::join!(ended, neighbours(&hurried, 10));

        assert!(errors.iter().all(|error| error.kind() == ErrorKind::Canceled), "{errors:?}");
    }
}

#[tokio::test]
async fn reads_of_a_connection_that_breaks_are_sent_again() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(10).await;
    read(db.clone(), 1).await;

    proxy.hold();
    let reads: Vec<_> = (1..=64).map(|id| kept(&db, id)).collect();
    proxy.until_sent('B', 65).await;
    proxy.cut().await;
    proxy.release();

    assert_eq!(join_all(reads).await, (1..=64).collect::<Vec<_>>());
}

/// Ends every session of the database but its own.
const TERMINATE: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";

/// Reads until the connections have broken twenty times.
async fn read_on(db: Db, task: u64, breaks: Arc<AtomicU64>, reads: Arc<AtomicU64>) {
    while breaks.load(Ordering::Relaxed) < 20 {
        let id = (task * 7 + reads.fetch_add(1, Ordering::Relaxed)) % 200 + 1;
        match db::get_guild(&db, id.into()).await {
            Ok(guild) => assert_eq!(guild.unwrap().guild_id, id.into()),
            Err(error) => {
                assert!(error.kind() == ErrorKind::Connection && error.function() == Some("get_guild"), "{error:?}")
            }
        }
    }
}

/// That a read is sent a third time is not promised: what is, is that it gives the right row or this error, and ends.
#[tokio::test]
async fn a_read_whose_second_connection_breaks_too_says_so() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let (breaks, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let readers = concurrently(64, |task| read_on(database.db.clone(), task, breaks.clone(), reads.clone()));
    let breaking = async {
        let admin = connect(&database.url()).await;
        while breaks.load(Ordering::Relaxed) < 20 {
            let enough = reads.load(Ordering::Relaxed) + 640;
            while reads.load(Ordering::Relaxed) < enough {
                yield_now().await;
            }
            admin.batch_execute(TERMINATE).await.unwrap();
            breaks.fetch_add(1, Ordering::Relaxed);
        }
    };

    timeout(TEST_TIMEOUT, async { tokio::join!(readers, breaking) }).await.expect("no read hangs");
    neighbours(&database, 1).await;
}

#[tokio::test]
async fn a_read_that_is_kept_without_being_polled_holds_up_nobody() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 2).await;
    read(small.clone(), 1).await;

    let reading = kept(&small, 2);
    neighbours(&small, 10).await;

    assert_eq!(reading.await, 2);
}

#[tokio::test]
async fn a_read_that_is_kept_while_it_prepares_its_statement_holds_up_nobody() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 2).await;

    let preparing = kept(&small, 1);
    neighbours(&small, 10).await;

    assert_eq!(preparing.await, 1);
}

#[tokio::test]
async fn a_large_answer_that_is_not_fetched_holds_up_nobody() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let large = "insert into guild_settings (guild_id, settings, updated_at)
        select '1', jsonb_build_object('text', repeat('0123456789abcdef', 262144)), now()";
    database.execute(large).await;
    let proxy = Proxy::to(&database.name).await;
    let small = proxy.pool(2).await;
    db::get_guild_settings(&small, 1.into()).await.unwrap();
    read(small.clone(), 1).await;
    proxy.deliver_in_pieces();

    let mut settings = Box::pin(db::get_guild_settings(&small, 1.into()));
    assert!(settings.as_mut().now_or_never().is_none());
    neighbours(&small, 10).await;

    assert_eq!(proxy.traffic().len(), 2, "the others went elsewhere");
    assert!(settings.await.unwrap().unwrap().settings.as_str().len() > 1 << 22);
}
