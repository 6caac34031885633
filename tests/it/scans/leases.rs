//! What a worker does with its claim: it renews, completes, fails or releases it, or has lost it.

use std::time::Duration;

use clip_saver_db::{LeaseState, ScanClaim, ScanRequest, ScanWorker, repositories as db};

use crate::support::TestDatabase;
use crate::support::scans::{
    LEASE, after, channel_of, claim, claimed, claims, everything, expire_leases, requested, run_is,
};

/// Checks that each function tells that the claim is lost, and writes nothing.
async fn assert_lost(database: &TestDatabase, claim: &ScanClaim) {
    let before = everything(database).await;
    let later = Some(chrono::Utc::now());
    assert_eq!(db::renew_scan_lease(&**database, claim, LEASE).await.unwrap(), LeaseState::Lost);
    assert!(!db::complete_scan(&**database, claim).await.unwrap());
    assert!(!db::fail_scan(&**database, claim, "lost", None).await.unwrap());
    assert!(!db::fail_scan(&**database, claim, "lost", later).await.unwrap());
    assert!(!db::release_scan(&**database, claim).await.unwrap());
    assert_eq!(db::complete_scans(&**database, std::slice::from_ref(claim)).await.unwrap(), []);
    assert_eq!(everything(database).await, before);
}

#[tokio::test]
async fn an_older_token_is_lost_for_every_function() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    expire_leases(&database).await;
    let second = claim(&database).await;

    assert_lost(&database, &first).await;
    assert_eq!(db::renew_scan_lease(&*database, &second, LEASE).await.unwrap(), LeaseState::Held);
}

#[tokio::test]
async fn a_token_of_the_future_is_lost_too() {
    let database = TestDatabase::new().await;
    let mut claim = claimed(&database).await;
    claim.token += 1;

    assert_lost(&database, &claim).await;
}

#[tokio::test]
async fn an_expired_lease_is_lost_for_every_function() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    expire_leases(&database).await;

    assert_lost(&database, &claim).await;
}

#[tokio::test]
async fn a_run_that_was_handed_back_and_claimed_again_is_lost_for_its_first_worker() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    assert!(db::release_scan(&*database, &first).await.unwrap());
    claim(&database).await;

    assert_lost(&database, &first).await;
}

#[tokio::test]
async fn a_run_that_was_canceled_or_given_up_when_its_lease_expired_is_lost() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for change in ["cancel_requested_at = now()", "takeovers = 20"] {
        requested(&database, channel, ScanRequest::new()).await;
        let claim = claim(&database).await;
        database.execute(&format!("update bot_channel_scan_runs set {change} where status = 'running'")).await;
        expire_leases(&database).await;
        assert_eq!(claims(&database, 10).await, []);

        assert_lost(&database, &claim).await;
    }
}

#[tokio::test]
async fn a_renewal_moves_the_end_of_the_lease() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert_eq!(db::renew_scan_lease(&*database, &claim, LEASE * 5).await.unwrap(), LeaseState::Held);

    let is_later = "lease_until > now() + interval '4 hours'";
    assert_eq!(run_is(&database, claim.run_id, is_later).await, "t");
    let refused = db::renew_scan_lease(&*database, &claim, Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.field(), Some("lease"));
}

#[tokio::test]
async fn a_completed_run_has_succeeded_and_a_repeated_call_answers_the_same() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert!(db::complete_scan(&*database, &claim).await.unwrap());
    let finished = run_is(&database, claim.run_id, "status, finished_at, lease_until is null").await;
    assert!(db::complete_scan(&*database, &claim).await.unwrap());

    assert!(finished.starts_with("succeeded 2") && finished.ends_with(" t"), "{finished}");
    assert_eq!(run_is(&database, claim.run_id, "status, finished_at, lease_until is null").await, finished);
}

#[tokio::test]
async fn complete_scans_completes_those_that_hold() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for number in 0..3 {
        requested(&database, channel, after(number)).await;
    }
    let mut claims = claims(&database, 3).await;
    claims[1].token -= 1;

    let mut completed = db::complete_scans(&*database, &claims).await.unwrap();

    completed.sort_by_key(|run| run.get());
    let mut expected = vec![claims[0].run_id, claims[2].run_id];
    expected.sort_by_key(|run| run.get());
    assert_eq!(completed, expected);
    assert_eq!(db::complete_scans(&*database, &[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_fails_for_good_with_its_reason() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert!(db::fail_scan(&*database, &claim, "no access", None).await.unwrap());
    assert!(db::fail_scan(&*database, &claim, "no access", None).await.unwrap(), "sent again");

    let failed = run_is(&database, claim.run_id, "status, error_message, finished_at is not null").await;
    assert_eq!(failed, "failed no access t");
    assert_eq!(claims(&database, 10).await, []);
}

#[tokio::test]
async fn a_run_that_is_to_be_tried_again_is_claimed_when_its_time_has_come() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    let later = chrono::Utc::now() + Duration::from_hours(1);
    assert!(db::fail_scan(&*database, &first, "limited", Some(later)).await.unwrap());
    assert!(db::fail_scan(&*database, &first, "limited", Some(later)).await.unwrap(), "sent again");
    assert_eq!(run_is(&database, first.run_id, "status, error_message, finished_at is null").await, "queued limited t");
    assert_eq!(claims(&database, 10).await, []);

    database.execute("update bot_channel_scan_runs set not_before = now()").await;

    let second = claim(&database).await;
    assert_eq!((second.run_id, second.attempt), (first.run_id, 2));
    assert!(second.token > first.token);
    assert_eq!(run_is(&database, first.run_id, "takeovers").await, "0");
}

#[tokio::test]
async fn a_released_run_is_claimed_again_at_once_and_does_not_count_as_an_attempt() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for number in 0..10 {
        requested(&database, channel, after(number)).await;
    }
    let [first, ..] = claims(&database, 5).await[..] else { panic!("there are five") };
    assert!(db::release_scan(&*database, &first).await.unwrap());
    assert!(db::release_scan(&*database, &first).await.unwrap(), "sent again");

    let [second] = claims(&database, 1).await[..] else { panic!("there is one") };

    assert_eq!((second.run_id, second.attempt), (first.run_id, 1));
    assert!(second.token > first.token);
}

#[tokio::test]
async fn a_run_that_is_released_below_the_queues_bound_is_the_first_of_a_full_look() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let transaction = database.begin().await.unwrap();
    for number in 0..1_300 {
        db::request_scan(&transaction, channel, &after(number)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let worker = ScanWorker::new("w");
    let claim = async || db::claim_scan_runs(&*database, &worker, 100, LEASE).await.unwrap();
    let first = claim().await.remove(0);
    for _ in 0..9 {
        claim().await;
    }
    assert!(db::release_scan(&*database, &first).await.unwrap());

    // The first look of a worker is a full one.
    let in_front = db::claim_scan_runs(&*database, &ScanWorker::new("v"), 1, LEASE).await.unwrap().remove(0);

    assert_eq!(in_front.run_id, first.run_id);
}

#[tokio::test]
async fn a_run_that_is_to_be_canceled_is_canceled_when_it_is_released_or_fails() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for is_released in [true, false] {
        requested(&database, channel, ScanRequest::new()).await;
        let claim = claim(&database).await;
        assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
        let end = async || {
            if is_released {
                db::release_scan(&*database, &claim).await.unwrap()
            } else {
                db::fail_scan(&*database, &claim, "limited", Some(chrono::Utc::now())).await.unwrap()
            }
        };

        assert!(end().await);
        assert!(end().await, "sent again");

        assert_eq!(run_is(&database, claim.run_id, "status, finished_at is not null").await, "canceled t");
        assert_eq!(claims(&database, 10).await, []);
    }
}

#[tokio::test]
async fn reasons_and_times_that_cannot_be_stored_are_refused() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    let refused = db::fail_scan(&*database, &claim, "a\0b", None).await.unwrap_err();
    assert_eq!(refused.field(), Some("reason"));
    let too_early = chrono::DateTime::<chrono::Utc>::MIN_UTC;
    let refused = db::fail_scan(&*database, &claim, "x", Some(too_early)).await.unwrap_err();
    assert_eq!(refused.field(), Some("retry_at"));
}
