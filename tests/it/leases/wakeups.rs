//! `Db::scan_wakeups` wakes a worker for each run that is enqueued, whatever becomes of its connection.

use clip_saver_db::{
    ChannelId, ChannelSnapshot, Config, Db, GuildId, PreparedStatements, ScanWakeups, repositories as db,
};
use futures::{FutureExt as _, StreamExt};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::{claim, request};
use crate::calls::observability::Recording;
use crate::pool::pgbouncer::{behind, pgbouncer};
use crate::support::proxy::{Newcomers, Proxy};
use crate::support::races::{TEST_TIMEOUT, wait_for_value};
use crate::support::{TestDatabase, config, connect, guild};

/// Wakes that come by the interval alone take longer than a test may: 5 seconds each.
const ROUNDS: u64 = 20;

const LISTENERS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and query like '%listen clip_saver_scans%' and pid <> pg_backend_pid()";

/// Channels with reading switched on.
async fn channels(database: &Db, count: u64) -> Vec<ChannelId> {
    let guild: GuildId = guild(database, 1001).await;
    let ids = (2001..).take(usize::try_from(count).unwrap()).map(ChannelId::from);
    let snapshots: Vec<_> = ids.clone().map(|id| ChannelSnapshot::new(id, "channel", "text")).collect();
    db::upsert_channels_for_guild(database, guild, &snapshots).await.unwrap();
    for channel in ids.clone() {
        db::set_channel_reading(database, channel, true).await.unwrap();
    }
    ids.collect()
}

/// Another handle of the same database, as of another program.
async fn another(database: &TestDatabase) -> Db {
    Db::connect(config(&database.name)).await.unwrap()
}

async fn next(wakeups: &mut ScanWakeups) {
    timeout(TEST_TIMEOUT, wakeups.next()).await.expect("a wake-up comes").expect("the stream goes on");
}

/// A stream that has begun to listen.
async fn listening(database: &TestDatabase) -> ScanWakeups {
    let mut wakeups = database.scan_wakeups();
    next(&mut wakeups).await;
    wait_for_value(database, LISTENERS, "1").await;
    wakeups
}

/// Ends the sessions that listen; returns whether there was one.
async fn terminate(client: &Client) -> bool {
    let sql = LISTENERS.replace("count(*)", "pg_terminate_backend(pid)");
    !client.query(&sql, &[]).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_run_that_another_program_enqueues_wakes_the_worker() {
    let database = TestDatabase::new().await;
    let (bot, channels) = (another(&database).await, channels(&database, ROUNDS).await);
    let mut wakeups = listening(&database).await;

    let rounds = async {
        for channel in channels {
            request(&bot, channel).await;
            next(&mut wakeups).await;
        }
    };

    timeout(TEST_TIMEOUT, rounds).await.expect("notifications wake, not the interval");
}

#[tokio::test]
async fn a_run_that_another_worker_hands_back_wakes_the_worker() {
    let database = TestDatabase::new().await;
    let (other, channels) = (another(&database).await, channels(&database, 1).await);
    request(&other, channels[0]).await;
    let mut wakeups = listening(&database).await;

    let rounds = async {
        for _ in 0..ROUNDS {
            let claim = claim(&other, "two", TEST_TIMEOUT).await.unwrap();
            assert!(db::release_scan(&other, &claim).await.unwrap());
            next(&mut wakeups).await;
        }
    };

    timeout(TEST_TIMEOUT, rounds).await.expect("notifications wake, not the interval");
}

#[tokio::test]
async fn a_run_that_is_enqueued_while_nobody_listens_wakes_the_worker_as_soon_as_it_listens_again() {
    let database = TestDatabase::new().await;
    let (bot, channels) = (another(&database).await, channels(&database, ROUNDS).await);
    let mut wakeups = listening(&database).await;
    let client = connect(&database.url()).await;

    let rounds = async {
        for channel in channels {
            while !terminate(&client).await {}
            request(&bot, channel).await;
            next(&mut wakeups).await;
        }
    };

    timeout(TEST_TIMEOUT, rounds).await.expect("the new connection wakes, not the interval");
}

#[tokio::test]
async fn a_stream_whose_connection_cannot_be_opened_wakes_at_the_interval() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let behind = proxy.pool(1).await;
    proxy.treat_newcomers(Newcomers::Closed);
    let mut wakeups = behind.scan_wakeups();

    for _ in 0..2 {
        next(&mut wakeups).await;
    }

    assert_eq!(database.text(LISTENERS).await, "0");
}

#[tokio::test]
async fn a_connection_that_is_silent_is_replaced() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let behind = proxy.pool(1).await;
    let mut wakeups = behind.scan_wakeups();
    next(&mut wakeups).await;
    wait_for_value(&database, LISTENERS, "1").await;
    next(&mut wakeups).await;

    let silent = database.text(&LISTENERS.replace("count(*)", "max(pid)")).await;

    proxy.hold_these();

    let replaced = async {
        while database.text(&format!("{LISTENERS} and pid <> {silent}")).await != "1" {
            next(&mut wakeups).await;
        }
    };
    timeout(TEST_TIMEOUT, replaced).await.expect("it listens on another connection");
}

#[tokio::test]
async fn the_connection_is_opened_at_the_first_poll_and_ends_with_the_stream() {
    let database = TestDatabase::new().await;
    let wakeups = database.scan_wakeups();
    assert_eq!(database.text(LISTENERS).await, "0");
    drop(wakeups);

    let wakeups = listening(&database).await;
    drop(wakeups);

    wait_for_value(&database, LISTENERS, "0").await;
}

#[tokio::test]
async fn many_notifications_wake_once() {
    let database = TestDatabase::new().await;
    let channels = channels(&database, 50).await;
    let mut wakeups = listening(&database).await;

    for channel in channels {
        request(&database, channel).await;
    }
    next(&mut wakeups).await;

    let more = std::iter::from_fn(|| wakeups.next().now_or_never()).count();
    assert!(more < 2, "{more} more");
}

#[tokio::test]
async fn a_next_that_was_dropped_loses_no_wake_up() {
    let database = TestDatabase::new().await;
    let channels = channels(&database, 1).await;
    let mut wakeups = listening(&database).await;
    while wakeups.next().now_or_never().is_some() {}

    request(&database, channels[0]).await;

    next(&mut wakeups).await;
}

#[tokio::test]
async fn the_stream_ends_when_the_database_handle_is_closed() {
    let database = TestDatabase::new().await;
    let mut wakeups = database.scan_wakeups();
    next(&mut wakeups).await;

    database.close().await;

    let rest = timeout(TEST_TIMEOUT, StreamExt::collect::<Vec<()>>(&mut wakeups)).await.expect("it ends");
    assert!(rest.len() < 2, "{rest:?}");
    wait_for_value(&database, LISTENERS, "0").await;
}

/// Awaits wake-ups of two streams of one handle, until both have waited for an interval.
async fn poll_two_streams(db: Db) {
    let (mut one, mut other) = (db.scan_wakeups(), db.clone().scan_wakeups());
    for _ in 0..3 {
        tokio::join!(next(&mut one), next(&mut other));
    }
}

#[tokio::test]
async fn behind_a_pooler_in_transaction_mode_and_without_prepared_statements_the_interval_wakes_and_a_warning_says_so_once()
 {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "ignore_startup_parameters=options"]);
    let handle = async |mut config: Config, prepared_statements| {
        config.prepared_statements = prepared_statements;
        Db::connect(config).await.unwrap()
    };
    let behind_pooler = handle(behind(&pooler, &database.name).parse().unwrap(), PreparedStatements::On).await;
    let off = handle(config(&database.name), PreparedStatements::Off).await;
    let (recording, _guard) = Recording::start();

    tokio::join!(poll_two_streams(behind_pooler), poll_two_streams(off));

    let said = recording.messages().into_iter().filter(|message| message.contains("workers only poll"));
    assert_eq!(said.count(), 2, "one for each handle");
}

#[tokio::test]
async fn behind_a_pooler_in_session_mode_notifications_arrive() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session", "ignore_startup_parameters=options"]);
    let db = Db::connect(behind(&pooler, &database.name).parse().unwrap()).await.unwrap();
    let channels = channels(&database, ROUNDS).await;
    let mut wakeups = db.scan_wakeups();
    next(&mut wakeups).await;
    wait_for_value(&database, LISTENERS, "1").await;

    let rounds = async {
        for channel in channels {
            request(&database, channel).await;
            next(&mut wakeups).await;
        }
    };

    timeout(TEST_TIMEOUT, rounds).await.expect("notifications wake, not the interval");
}
