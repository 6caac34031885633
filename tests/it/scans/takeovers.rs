//! `claim_scan_runs`: runs whose lease has expired are taken over, and no others.

use clip_saver_db::{CancelScope, ScanRequest, ScanWorker, repositories as db};
use tokio::time::timeout;

use crate::scans::claims::runs;
use crate::support::races::{TEST_TIMEOUT, fifty_connections};
use crate::support::scans::{LEASE, after, channel_of, claim, claims, expire_leases, requested, run_is};
use crate::support::{TestDatabase, concurrently};

#[tokio::test]
async fn an_expired_lease_is_taken_over_with_a_larger_token() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, ScanRequest::new()).await;
    let first = claim(&database).await;
    assert_eq!(claims(&database, 10).await, [], "the lease holds");
    expire_leases(&database).await;

    let second = claim(&database).await;

    assert_eq!((second.run_id, second.attempt), (first.run_id, 2));
    assert!(second.token > first.token);
    assert_eq!(run_is(&database, first.run_id, "status, takeovers, worker").await, "running 1 worker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_16_claimers_of_an_expired_run_one_takes_it_over() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, ScanRequest::new()).await;
    claim(&database).await;
    expire_leases(&database).await;
    let pool = fifty_connections(&database).await;

    let claimed = concurrently(16, |_| {
        let pool = pool.clone();
        async move { claims(&pool, 10).await }
    })
    .await
    .concat();

    assert_eq!(claimed.len(), 1);
}

#[tokio::test]
async fn a_run_that_was_taken_over_20_times_has_failed_with_a_reason() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run = requested(&database, channel, ScanRequest::new()).await;
    let mut last = claim(&database).await;
    for _ in 0..20 {
        expire_leases(&database).await;
        last = claim(&database).await;
    }
    assert_eq!(run_is(&database, run, "status, takeovers").await, "running 20");
    expire_leases(&database).await;

    assert_eq!(claims(&database, 10).await, []);

    let failed = db::get_scan_run(&*database, run).await.unwrap().unwrap();
    assert!(failed.finished_at.is_some());
    assert!(failed.error_message.as_deref().is_some_and(|reason| reason.contains("20 workers")), "{failed:?}");
    assert!(!db::complete_scan(&*database, &last).await.unwrap());
    assert!(!db::release_scan(&*database, &last).await.unwrap());
    requested(&database, channel, ScanRequest::new()).await;
}

#[tokio::test]
async fn a_run_that_fails_and_a_run_that_is_given_up_leave_room_for_others_in_the_same_claim() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, after(1)).await;
    claim(&database).await;
    database.execute("update bot_channel_scan_runs set takeovers = 20").await;
    expire_leases(&database).await;
    let other = requested(&database, channel, after(2)).await;

    assert_eq!(claim(&database).await.run_id, other);
}

#[tokio::test]
async fn runs_of_old_programs_are_never_claimed() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let queued = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    let running = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    assert!(db::mark_scan_started(&*database, running).await.unwrap());
    database
        .execute("update bot_channel_scan_runs set started_at = now() - interval '1 year' where started_at is not null")
        .await;

    assert_eq!(claims(&database, 10).await, []);
    assert_eq!(run_is(&database, queued, "status").await, "queued");
    assert_eq!(run_is(&database, running, "status").await, "running");
}

#[tokio::test]
async fn a_shared_run_that_an_old_program_started_is_not_taken_from_it() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run = requested(&database, channel, ScanRequest::new()).await;
    assert!(db::mark_scan_started(&*database, run).await.unwrap());

    assert_eq!(claims(&database, 10).await, []);
    assert!(db::mark_scan_succeeded(&*database, run).await.unwrap());
}

#[tokio::test]
async fn a_worker_that_finds_enough_looks_everywhere_a_second_later() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, after(0)).await;
    let worker = ScanWorker::new("w");
    db::claim_scan_runs(&*database, &worker, 1, LEASE).await.unwrap();
    expire_leases(&database).await;

    // Each call finds as many as it asks for, and the expired run is found all the same.
    let looking = async {
        for number in 1.. {
            requested(&database, channel, after(number)).await;
            let claimed = db::claim_scan_runs(&*database, &worker, 1, LEASE).await.unwrap();
            if claimed[0].attempt == 2 {
                return;
            }
        }
    };
    timeout(TEST_TIMEOUT, looking).await.expect("the expired run is found");
}

/// Lets the leases of some runs have expired for so long.
async fn expire(database: &TestDatabase, ago: &str, condition: &str) {
    let sql = format!("update bot_channel_scan_runs set lease_until = now() - interval '{ago}' where {condition}");
    database.execute(&sql).await;
}

#[tokio::test]
async fn runs_that_are_only_ended_take_no_place_of_a_claim() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for number in 0..3 {
        requested(&database, channel, after(number)).await;
    }
    claims(&database, 10).await;
    db::cancel_scans(&*database, CancelScope::Guild(1001.into())).await.unwrap();
    let other = requested(&database, channel, after(10)).await;
    claim(&database).await;
    expire(&database, "1 hour", "cancel_requested_at is not null").await;
    expire(&database, "1 second", "cancel_requested_at is null").await;

    let claimed = claims(&database, 1).await;

    assert_eq!(runs(&claimed), [other]);
}

#[tokio::test]
async fn of_expired_runs_the_one_with_the_highest_priority_is_taken_over_first() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, after(1)).await;
    let urgent = requested(&database, channel, after(2).with_priority(10)).await;
    claims(&database, 10).await;
    expire(&database, "1 hour", "priority = 0").await;
    expire(&database, "1 second", "priority = 10").await;

    let claimed = claims(&database, 1).await;

    assert_eq!(runs(&claimed), [urgent]);
}
