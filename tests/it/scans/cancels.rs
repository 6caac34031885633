//! `request_scan_cancel` and `cancel_scans`.

use clip_saver_db::{
    CancelScope, Db, LeaseState, PreparedStatements, ScanRequest, ScanRunId, queries, repositories as db,
};
use uuid::Uuid;

use crate::support::races::LockHolder;
use crate::support::scans::{LEASE, after, channel_of, claim, claimed, claims, expire_leases, requested, run_is};
use crate::support::{TestDatabase, config};

#[tokio::test]
async fn a_queued_run_is_canceled_at_once() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let later = chrono::Utc::now() + LEASE;
    for request in [ScanRequest::new(), ScanRequest::new().with_not_before(later)] {
        let run = requested(&database, channel, request).await;

        assert!(db::request_scan_cancel(&*database, run).await.unwrap());

        assert_eq!(run_is(&database, run, "status, finished_at is not null").await, "canceled t");
        assert_eq!(claims(&database, 10).await, []);
    }
}

#[tokio::test]
async fn the_worker_of_a_running_run_is_told_by_its_renewal() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());

    assert_eq!(run_is(&database, claim.run_id, "status").await, "running");
    assert_eq!(db::renew_scan_lease(&*database, &claim, LEASE).await.unwrap(), LeaseState::CancelRequested);
    assert!(db::complete_scan(&*database, &claim).await.unwrap(), "it may have been ready");
}

#[tokio::test]
async fn a_run_without_a_lease_is_canceled_at_once() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let old = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    let shared = requested(&database, channel, ScanRequest::new()).await;
    for run in [old, shared] {
        assert!(db::mark_scan_started(&*database, run).await.unwrap());
        assert!(db::request_scan_cancel(&*database, run).await.unwrap());
        assert_eq!(run_is(&database, run, "status, finished_at is not null").await, "canceled t");
    }
    let shared = requested(&database, channel, ScanRequest::new()).await;
    assert!(db::mark_scan_started(&*database, shared).await.unwrap());
    assert_eq!(db::cancel_scans(&*database, CancelScope::Guild(1001.into())).await.unwrap(), 1);
    assert_eq!(run_is(&database, shared, "status, finished_at is not null").await, "canceled t");
}

#[tokio::test]
async fn an_expired_run_that_is_to_be_canceled_is_canceled_by_the_next_claim() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
    expire_leases(&database).await;

    assert_eq!(claims(&database, 10).await, []);

    assert_eq!(run_is(&database, claim.run_id, "status, finished_at is not null").await, "canceled t");
}

#[tokio::test]
async fn a_run_that_is_finished_or_unknown_is_not_canceled() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert!(db::complete_scan(&*database, &claim).await.unwrap());

    assert!(!db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
    assert!(!db::request_scan_cancel(&*database, Uuid::from_u128(1).into()).await.unwrap());
    assert_eq!(run_is(&database, claim.run_id, "status").await, "succeeded");
    assert_eq!(db::cancel_scans(&*database, CancelScope::Channels(&[claim.channel_id])).await.unwrap(), 0);
}

#[tokio::test]
async fn cancel_scans_cancels_the_shared_runs_of_a_guild_or_of_channels_and_no_others() {
    let database = TestDatabase::new().await;
    let mut runs = Vec::new();
    for (guild, channel) in [(1, 10), (1, 11), (2, 20)] {
        let channel = channel_of(&database, guild, channel).await;
        let old = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
        runs.push((channel, requested(&database, channel, ScanRequest::new()).await, old));
    }
    let status = async |run| run_is(&database, run, "status").await;
    let channel = [runs[0].0, 404.into()];

    assert_eq!(db::cancel_scans(&*database, CancelScope::Channels(&channel)).await.unwrap(), 1);
    assert_eq!(db::cancel_scans(&*database, CancelScope::Channels(&[])).await.unwrap(), 0);
    assert_eq!([status(runs[0].1).await, status(runs[1].1).await], ["canceled", "queued"]);
    assert_eq!(db::cancel_scans(&*database, CancelScope::Guild(1.into())).await.unwrap(), 1);
    assert_eq!([status(runs[1].1).await, status(runs[2].1).await], ["canceled", "queued"]);
    for (.., old) in runs {
        assert_eq!(status(old).await, "queued");
    }
}

#[tokio::test]
async fn cancel_scans_tells_the_workers_of_running_runs() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert_eq!(db::cancel_scans(&*database, CancelScope::Guild(1001.into())).await.unwrap(), 1);

    assert_eq!(db::renew_scan_lease(&*database, &claim, LEASE).await.unwrap(), LeaseState::CancelRequested);
}

#[tokio::test]
async fn a_repeated_cancel_keeps_the_time_of_the_first() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
    let first = run_is(&database, claim.run_id, "cancel_requested_at").await;

    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
    db::cancel_scans(&*database, CancelScope::Guild(1001.into())).await.unwrap();

    assert_eq!(run_is(&database, claim.run_id, "cancel_requested_at").await, first);
}

#[tokio::test]
async fn cancel_scans_and_complete_scans_of_the_same_runs_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for number in 0..2 {
        requested(&database, channel, after(number)).await;
    }
    let mut held = claims(&database, 2).await;
    held.sort_by_key(|claim| std::cmp::Reverse(claim.run_id.get()));
    let lock = format!("select from bot_channel_scan_runs where id = '{}' for update", held[1].run_id);
    let holder = LockHolder::new(&database, &lock).await;
    let mut config = config(&database.name);
    config.prepared_statements = PreparedStatements::Off;

    // Without prepared statements each call is a transaction of its own.
    let (one, other) = (database.db.clone(), Db::connect(config).await.unwrap());
    let canceling = tokio::spawn(async move { db::cancel_scans(&one, CancelScope::Guild(1001.into())).await });
    holder.wait_until_blocked(1).await;
    let completing = tokio::spawn(async move { db::complete_scans(&other, &held).await });
    holder.wait_until_blocked(2).await;
    holder.rollback().await;

    // The run that nobody held was completed before it could be canceled.
    assert_eq!(canceling.await.unwrap().unwrap(), 1);
    assert_eq!(completing.await.unwrap().unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_that_is_claimed_while_it_is_canceled_is_told_to_its_worker() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run: ScanRunId = requested(&database, channel, ScanRequest::new()).await;
    let claiming = database.begin().await.unwrap();
    let claim = claim_in(&claiming).await;
    let holder = LockHolder::new(&database, "select 1").await;
    let pool = database.db.clone();
    let canceling = tokio::spawn(async move { db::request_scan_cancel(&pool, run).await });
    holder.wait_until_blocked(1).await;

    claiming.commit().await.unwrap();

    assert!(canceling.await.unwrap().unwrap());
    assert_eq!(db::renew_scan_lease(&*database, &claim, LEASE).await.unwrap(), LeaseState::CancelRequested);
}

async fn claim_in(transaction: &clip_saver_db::Transaction) -> clip_saver_db::ScanClaim {
    let worker = clip_saver_db::ScanWorker::new("w");
    db::claim_scan_runs(transaction, &worker, 1, LEASE).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_claimed_run_that_is_canceled_by_an_old_program_is_over() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, ScanRequest::new()).await;
    let claim = claim(&database).await;

    assert!(db::mark_scan_canceled(&*database, claim.run_id).await.unwrap());

    assert_eq!(db::renew_scan_lease(&*database, &claim, LEASE).await.unwrap(), LeaseState::Lost);
    requested(&database, channel, ScanRequest::new()).await;
}

/// If a repeated claim took its runs as they lie on the disk, both would wait for each other once the first run is free.
#[tokio::test]
async fn a_cancel_and_a_repeated_claim_of_the_same_runs_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let (first, last, request) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    for (message, run) in [(1, last), (2, first)] {
        requested(&database, channel, after(message)).await;
        database
            .execute(&format!(
                "update bot_channel_scan_runs
                 set id = '{run}', status = 'running', claim_request = '{request}', lease_until = now() + interval '1 hour'
                 where status = 'queued'"
            ))
            .await;
    }
    let lock = format!("select from bot_channel_scan_runs where id = '{first}' for update");
    let holder = LockHolder::new(&database, &lock).await;

    let (one, other) = (database.db.clone(), database.db.clone());
    let cancel = tokio::spawn(async move { db::cancel_scans(&one, CancelScope::Channels(&[channel])).await });
    holder.wait_until_blocked(1).await;
    let repeated = tokio::spawn(async move {
        let connection = other.connection().await.unwrap();
        let query = queries::scan_queue::claim_scan_runs();
        query.bind(&connection, &3600.0, &true, &request, &false, &10, &"worker").all().await.map(|claims| claims.len())
    });
    holder.wait_until_blocked(2).await;
    holder.rollback().await;

    assert_eq!(cancel.await.unwrap().unwrap(), 2);
    assert_eq!(repeated.await.unwrap().unwrap(), 2);
}
