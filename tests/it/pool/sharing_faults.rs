//! Reads on the same connections while some of them are dropped, are not polled, take too long or lose their connection: the
//! other reads get their rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, ErrorKind, repositories as db};
use futures::future::{FutureExt as _, join_all};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::pool::sharing::{guilds, pool_of, read, unpolled_read};
use crate::support::proxy::Proxy;
use crate::support::races::{LockHolder, TEST_TIMEOUT};
use crate::support::{TestDatabase, concurrently, config, connect};

const LOCK: &str = "lock table install_intents in access exclusive mode";

/// Reads in 32 tasks. At any time each task reads another guild than the others.
async fn read_in_32_tasks(db: &Db, rounds: u64) {
    let reads = concurrently(32, |task| {
        let db = db.clone();
        async move {
            for round in 0..rounds {
                read(db.clone(), (task * 7 + round * 31) % 200 + 1).await;
            }
        }
    });
    timeout(TEST_TIMEOUT, reads).await.expect("the reads are not delayed");
}

/// Begins reads and drops them at random moments.
async fn drop_reads(db: &Db, reads: u64) {
    for id in 1..=reads {
        let reading = tokio::spawn(read(db.clone(), id % 200 + 1));
        for _ in 0..rand::random_range(0..6) {
            yield_now().await;
        }
        reading.abort();
    }
}

async fn drop_reads_beside_others(db: &Db) {
    let dropping = concurrently(8, |_| {
        let db = db.clone();
        async move { drop_reads(&db, 500).await }
    });
    tokio::join!(dropping, read_in_32_tasks(db, 100));
    read_in_32_tasks(db, 1).await;
}

#[tokio::test]
async fn a_dropped_read_does_not_disturb_reads_on_the_same_connection() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;

    drop_reads_beside_others(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_read_does_not_disturb_reads_on_the_same_connection_with_many_threads() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;

    drop_reads_beside_others(&database).await;
}

#[tokio::test]
async fn a_read_that_waits_for_a_lock_does_not_delay_reads_of_another_table() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let handle = database.db.clone();
    let waiting = tokio::spawn(concurrently(3, move |_| {
        let db = handle.clone();
        async move { db::get_install_intent(&db, "x").await.unwrap() }
    }));
    lock.wait_until_blocked(3).await;

    read_in_32_tasks(&database, 10).await;

    assert!(!waiting.is_finished());
    lock.rollback().await;
    assert_eq!(waiting.await.unwrap(), [None, None, None]);
}

#[tokio::test]
async fn a_read_that_is_dropped_while_it_waits_for_a_lock_does_not_delay_later_reads() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let db = pool_of(&database, 10).await;
    let lock = LockHolder::new(&database, LOCK).await;
    let mut reading = Box::pin(db::get_install_intent(&db, "x"));
    tokio::select! {
        _ = &mut reading => unreachable!("the table is locked"),
        () = lock.wait_until_blocked(1) => drop(reading),
    }

    read_in_32_tasks(&db, 10).await;

    lock.rollback().await;
}

#[tokio::test]
async fn a_write_that_is_dropped_while_it_waits_for_a_lock_does_not_delay_the_next_write() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 1).await;
    let lock = LockHolder::new(&database, "select from bot_guilds where guild_id = '1' for update").await;
    let mut writing = Box::pin(db::touch_guild(&small, 1.into()));
    tokio::select! {
        _ = &mut writing => unreachable!("the guild is locked"),
        () = lock.wait_until_blocked(1) => drop(writing),
    }

    let next = timeout(TEST_TIMEOUT, db::touch_guild(&small, 2.into())).await.expect("the write is not delayed");

    assert!(next.unwrap());
    lock.rollback().await;
}

#[tokio::test]
async fn a_read_that_the_server_ends_does_not_disturb_reads_on_the_same_connection() {
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

        let (errors, ()) = tokio::join!(ended, read_in_32_tasks(&hurried, 10));

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
    let reads: Vec<_> = (1..=64).map(|id| unpolled_read(&db, id)).collect();
    proxy.until_sent('B', 65).await;
    proxy.cut().await;
    proxy.release();

    assert_eq!(join_all(reads).await, (1..=64).collect::<Vec<_>>());
}

/// Ends every session of the database except its own.
const TERMINATE: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";

/// Reads until the connections have broken twenty times.
async fn read_until_20_breaks(db: Db, task: u64, breaks: Arc<AtomicU64>, reads: Arc<AtomicU64>) {
    while breaks.load(Ordering::Relaxed) < 20 {
        let id = (task * 7 + reads.fetch_add(1, Ordering::Relaxed)) % 200 + 1;
        match db::get_guild(&db, id.into()).await {
            Ok(guild) => assert_eq!(guild.unwrap().guild_id, id.into()),
            Err(error) => {
                assert!(error.kind() == ErrorKind::Connection && error.function() == Some("get_guild"), "{error:?}");
            }
        }
    }
}

/// A read need not be sent a third time. But it must end, with the right row or with this error.
#[tokio::test]
async fn a_read_whose_second_connection_breaks_returns_the_right_row_or_a_connection_error() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let (breaks, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let readers =
        concurrently(64, |task| read_until_20_breaks(database.db.clone(), task, breaks.clone(), reads.clone()));
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
    read_in_32_tasks(&database, 1).await;
}

#[tokio::test]
async fn a_read_that_is_not_polled_does_not_delay_other_reads() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 2).await;
    read(small.clone(), 1).await;

    let reading = unpolled_read(&small, 2);
    read_in_32_tasks(&small, 10).await;

    assert_eq!(reading.await, 2);
}

#[tokio::test]
async fn a_read_that_is_not_polled_while_it_prepares_its_statement_does_not_delay_other_reads() {
    let database = TestDatabase::new().await;
    guilds(&database, 200).await;
    let small = pool_of(&database, 2).await;

    let preparing = unpolled_read(&small, 1);
    read_in_32_tasks(&small, 10).await;

    assert_eq!(preparing.await, 1);
}

#[tokio::test]
async fn a_large_answer_that_is_not_fetched_does_not_delay_other_reads() {
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
    read_in_32_tasks(&small, 10).await;

    assert_eq!(proxy.traffic().len(), 2, "the other reads used the other connection");
    assert!(settings.await.unwrap().unwrap().settings.as_str().len() > 1 << 22);
}
