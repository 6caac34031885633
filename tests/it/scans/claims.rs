//! `claim_scan_runs`: who gets which run, and that nobody waits.

use std::collections::BTreeSet;
use std::time::Duration;

use clip_saver_db::{
    ChannelId, Db, PreparedStatements, ScanClaim, ScanRequest, ScanRunId, ScanWorker, repositories as db,
};
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::{LockHolder, TEST_TIMEOUT, fifty_connections};
use crate::support::scans::{LEASE, after, channel_of, claim, claims, expire_leases, page, recorded, requested};
use crate::support::{TestDatabase, concurrently};

/// Requests runs in this order, one for each number.
async fn requested_in_order(
    database: &Db,
    channel: ChannelId,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<ScanRunId> {
    let mut runs = Vec::new();
    for number in numbers {
        runs.push(requested(database, channel, after(number)).await);
    }
    runs
}

pub fn runs(claims: &[ScanClaim]) -> Vec<ScanRunId> {
    claims.iter().map(|claim| claim.run_id).collect()
}

#[tokio::test]
async fn the_highest_priority_comes_first_and_then_the_oldest() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let mut by_priority = Vec::new();
    for (number, priority) in [(1, 0), (2, -3), (3, 5), (4, 0), (5, 5)] {
        let run = requested(&database, channel, after(number).with_priority(priority)).await;
        by_priority.push((-i32::from(priority), number, run));
    }
    by_priority.sort_by_key(|(priority, number, _)| (*priority, *number));

    let claimed: Vec<_> = [claims(&database, 2).await, claims(&database, 10).await].concat();

    assert_eq!(runs(&claimed), by_priority.iter().map(|(.., run)| *run).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_runs_of_many_guilds_with_the_same_turn_the_oldest_comes_first() {
    let database = TestDatabase::new().await;
    let mut expected = Vec::new();
    for guild in 1..=8 {
        let channel = channel_of(&database, guild, guild * 10).await;
        expected.push(requested(&database, channel, ScanRequest::new()).await);
    }

    for run in expected {
        assert_eq!(runs(&claims(&database, 1).await), [run]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimers_of_100_runs_of_a_channel_get_each_run_once() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested_in_order(&database, channel, 0..100).await;
    let pool = fifty_connections(&database).await;

    let claimed = concurrently(16, |_| {
        let pool = pool.clone();
        async move {
            let worker = ScanWorker::new("w");
            let mut mine = Vec::new();
            loop {
                let claims = db::claim_scan_runs(&pool, &worker, 3, LEASE).await.unwrap();
                if claims.is_empty() {
                    return mine;
                }
                mine.extend(claims);
            }
        }
    })
    .await
    .concat();

    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.iter().map(|claim| claim.run_id.get()).collect::<BTreeSet<_>>().len(), 100);
}

#[tokio::test]
async fn a_claim_does_not_wait_for_the_locks_of_an_open_claim() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let expected = requested_in_order(&database, channel, 0..10).await;
    let open = database.begin().await.unwrap();
    let first = db::claim_scan_runs(&open, &ScanWorker::new("open"), 4, LEASE).await.unwrap();

    let second = timeout(TEST_TIMEOUT, claims(&database, 10)).await.expect("nobody waits");

    assert_eq!(runs(&[first, second].concat()), expected);
    open.rollback().await;
    assert_eq!(runs(&claims(&database, 10).await), expected[..4], "a claim that is rolled back leaves its runs");
}

#[tokio::test]
async fn a_claim_does_not_wait_for_whoever_has_locked_the_whole_queue() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested_in_order(&database, channel, 0..3).await;
    let locks = "select from bot_channel_scan_runs for update; select from bot_scan_queue for update";
    let holder = LockHolder::new(&database, locks).await;

    let claimed = timeout(TEST_TIMEOUT, claims(&database, 10)).await.expect("nobody waits");

    assert_eq!(claimed, []);
    holder.rollback().await;
    assert_eq!(claims(&database, 10).await.len(), 3);
}

#[tokio::test]
async fn a_claim_takes_no_more_than_its_limit_of_queued_due_and_expired_runs_together() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested_in_order(&database, channel, 0..5).await;
    assert_eq!(claims(&database, 5).await.len(), 5);
    expire_leases(&database).await;
    requested_in_order(&database, channel, 10..15).await;
    for number in 20..25 {
        let due = chrono::Utc::now() - Duration::from_secs(5);
        requested(&database, channel, after(number).with_not_before(due)).await;
    }

    let mut left = 15;
    while left > 0 {
        let claimed = claims(&database, 4).await.len();
        assert_eq!(claimed, left.min(4));
        left -= claimed;
    }
    assert_eq!(claims(&database, 4).await, []);
}

#[tokio::test]
async fn claims_whose_answer_is_lost_are_returned_by_the_next_call_of_the_worker() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let expected = requested_in_order(&database, channel, 0..6).await;
    let proxy = Proxy::to(&database.name).await;
    let (pool, worker) = (proxy.pool(1).await, ScanWorker::new("w"));
    db::scan_queue_stats(&pool).await.unwrap();

    let lost = async {
        let call = db::claim_scan_runs(&pool, &worker, 3, LEASE);
        tokio::select! { _ = call => panic!("the answer is held back"), () = proxy.hold_at('E') => {} }
    };
    timeout(TEST_TIMEOUT, lost).await.expect("the claim is sent");
    crate::support::races::wait_for_value(
        &database,
        "select count(*) from bot_channel_scan_runs where status = 'running'",
        "3",
    )
    .await;
    proxy.cut().await;
    proxy.release();
    database.execute("update bot_channel_scan_runs set lease_until = now() + interval '1 minute'").await;
    let claimed = db::claim_scan_runs(&pool, &worker, 1, LEASE).await.unwrap();

    assert_eq!(runs(&claimed), expected[..3], "also if they are more than the limit");
    let soonest =
        "select min(lease_until) > now() + interval '2 minutes' from bot_channel_scan_runs where status = 'running'";
    assert_eq!(database.text(soonest).await, "t", "the leases begin again");
    assert!(claimed.iter().all(|claim| (claim.token, claim.attempt) == (1, 1)), "{claimed:?}");
    assert_eq!(runs(&db::claim_scan_runs(&pool, &worker, 3, LEASE).await.unwrap()), expected[3..]);
}

/// Claims 3 of 6 runs. The connection is cut when they are claimed, and the answer to the last of these messages is awaited.
async fn assert_claimed_once_through_a_cut(statements: PreparedStatements, messages: &[char]) {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let expected = requested_in_order(&database, channel, 0..6).await;
    let proxy = Proxy::to(&database.name).await;
    let mut config = proxy.config();
    (config.pool_max, config.prepared_statements) = (1, statements);
    let (pool, worker) = (Db::connect(config).await.unwrap(), ScanWorker::new("w"));
    db::scan_queue_stats(&pool).await.unwrap();

    let cutting = async {
        for message in messages {
            proxy.release();
            proxy.hold_at(*message).await;
        }
        let running = "select count(*) from bot_channel_scan_runs where status = 'running'";
        crate::support::races::wait_for_value(&database, running, "3").await;
        proxy.cut().await;
        proxy.release();
    };
    let call = db::claim_scan_runs(&pool, &worker, 3, LEASE);
    let claimed = timeout(TEST_TIMEOUT, async { tokio::join!(cutting, call).1 }).await.expect("the call ends").unwrap();

    assert_eq!(runs(&claimed), expected[..3]);
    assert_eq!(database.text("select sum(claim_token) from bot_channel_scan_runs").await, "3");
    recorded(&pool, &claimed[0], &page(1, 2)).await;
}

#[tokio::test]
async fn a_claim_that_is_sent_again_after_its_connection_broke_claims_once() {
    Box::pin(assert_claimed_once_through_a_cut(PreparedStatements::On, &['E'])).await;
}

#[tokio::test]
async fn claims_whose_commit_has_no_answer_are_returned_with_prepared_statements_off_too() {
    Box::pin(assert_claimed_once_through_a_cut(PreparedStatements::Off, &['E', 'Q'])).await;
}

#[tokio::test]
async fn a_run_that_cannot_be_read_does_not_cost_the_other_claims() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let expected = requested_in_order(&database, channel, 0..3).await;
    let unreadable = format!("update bot_channel_scan_runs set queue_guild_id = 'abc' where id = '{}'", expected[1]);
    database.execute(&unreadable).await;

    assert_eq!(runs(&claims(&database, 10).await), [expected[0], expected[2]]);
}

#[tokio::test]
async fn a_delayed_run_is_claimed_when_its_time_has_come() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let later = chrono::Utc::now() + Duration::from_hours(1);
    let run = requested(&database, channel, after(1).with_not_before(later)).await;
    assert_eq!(claims(&database, 10).await, []);

    database.execute("update bot_channel_scan_runs set not_before = now()").await;

    assert_eq!(claim(&database).await.run_id, run);
}

#[tokio::test]
async fn a_run_that_was_committed_below_the_queues_bound_is_found() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let other = channel_of(&database, 1002, 2002).await;
    requested(&database, other, ScanRequest::new()).await;
    let late = database.begin().await.unwrap();
    let stray = db::request_scan(&late, channel, &ScanRequest::new()).await.unwrap();
    requested_in_order(&database, other, 0..1_300).await;
    let worker = ScanWorker::new("w");
    for _ in 0..12 {
        db::claim_scan_runs(&*database, &worker, 100, LEASE).await.unwrap();
    }
    late.commit().await.unwrap();
    let below = "select (select turn from bot_scan_queue) > (select min(turn) from bot_channel_scan_runs where status = 'queued')";
    assert_eq!(database.text(below).await, "t");

    let found = claims(&database, 1).await;

    assert_eq!(clip_saver_db::ScanRequested::Enqueued(found[0].run_id), stray);
}

#[tokio::test]
async fn limits_and_leases_out_of_range_are_refused() {
    let database = TestDatabase::new().await;
    let worker = ScanWorker::new("w");
    let refused = async |worker: &ScanWorker, limit, lease| {
        let error = db::claim_scan_runs(&*database, worker, limit, lease).await.unwrap_err();
        error.field().map(ToOwned::to_owned)
    };

    assert_eq!(refused(&worker, 0, LEASE).await.as_deref(), Some("limit"));
    assert_eq!(refused(&worker, 101, LEASE).await.as_deref(), Some("limit"));
    assert_eq!(refused(&worker, 1, Duration::ZERO).await.as_deref(), Some("lease"));
    assert_eq!(refused(&worker, 1, Duration::MAX).await.as_deref(), Some("lease"));
    assert_eq!(refused(&ScanWorker::new("a\0b"), 1, LEASE).await.as_deref(), Some("worker"));
}
