//! `request_scan`: of equal requests one enqueues.

use clip_saver_db::{ScanRequest, ScanRequested, ScanRunId, repositories as db};

use crate::support::races::fifty_connections;
use crate::support::scans::{after, channel_of, claim, claims, requested, run_is};
use crate::support::{TestDatabase, channel, concurrently, guild};

fn run_of(requested: ScanRequested) -> ScanRunId {
    match requested {
        ScanRequested::Enqueued(id) | ScanRequested::AlreadyActive(id) => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_equal_requests_at_once_one_enqueues_and_all_get_its_run() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let pool = fifty_connections(&database).await;

    let answers = concurrently(50, |_| {
        let pool = pool.clone();
        async move { db::request_scan(&pool, channel, &ScanRequest::new()).await.unwrap() }
    })
    .await;

    assert_eq!(answers.iter().filter(|answer| matches!(answer, ScanRequested::Enqueued(_))).count(), 1);
    assert!(answers.iter().all(|answer| run_of(*answer) == run_of(answers[0])), "{answers:?}");
    assert_eq!(database.text("select count(*) from bot_channel_scan_runs").await, "1");
}

#[tokio::test]
async fn a_run_is_active_while_it_is_queued_or_running_and_not_when_it_is_finished() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run = requested(&database, channel, ScanRequest::new()).await;
    let again = async || db::request_scan(&*database, channel, &ScanRequest::new()).await.unwrap();

    assert_eq!(again().await, ScanRequested::AlreadyActive(run));
    let claim = claim(&database).await;
    assert_eq!(again().await, ScanRequested::AlreadyActive(run));
    assert!(db::complete_scan(&*database, &claim).await.unwrap());
    assert_ne!(requested(&database, channel, ScanRequest::new()).await, run);
}

#[tokio::test]
async fn different_intervals_and_channels_are_different_requests() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let whole = ScanRequest::new();

    for request in [whole, after(0), after(5), whole.with_before(9.into()), after(5).with_before(9.into())] {
        requested(&database, channel, request).await;
    }
    requested(&database, channel_of(&database, 1001, 2002).await, whole).await;
}

#[tokio::test]
async fn another_priority_or_time_is_the_same_request() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run = requested(&database, channel, after(5)).await;

    let later = after(5).with_priority(7).with_not_before(chrono::Utc::now());
    assert_eq!(db::request_scan(&*database, channel, &later).await.unwrap(), ScanRequested::AlreadyActive(run));
    assert_eq!(run_is(&database, run, "priority, not_before is null").await, "0 t");
}

#[tokio::test]
async fn a_claim_has_the_interval_and_the_guild_of_the_request() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let run = requested(&database, channel, after(5).with_before(9.into())).await;

    let claim = claim(&database).await;

    assert_eq!((claim.run_id, claim.channel_id, claim.guild_id), (run, channel, 1001.into()));
    assert_eq!((claim.after, claim.before, claim.attempt), (Some(5.into()), Some(9.into()), 1));
}

#[tokio::test]
async fn a_channel_that_is_not_reading_or_unknown_enqueues_nothing() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let silent = channel(&database, guild, 2001).await;

    let request = async |channel| db::request_scan(&*database, channel, &ScanRequest::new()).await.unwrap();
    assert_eq!(request(silent).await, ScanRequested::NotReading);
    assert_eq!(request(404.into()).await, ScanRequested::UnknownChannel);
    assert_eq!(database.text("select count(*) from bot_channel_scan_runs").await, "0");
}

#[tokio::test]
async fn an_interval_without_messages_and_ids_that_are_too_large_are_refused() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let refused = async |request| {
        let error = db::request_scan(&*database, channel, &request).await.unwrap_err();
        error.field().map(ToOwned::to_owned)
    };

    assert_eq!(refused(after(5).with_before(6.into())).await.as_deref(), Some("before"));
    assert_eq!(refused(after(5).with_before(4.into())).await.as_deref(), Some("before"));
    assert_eq!(refused(after(1 << 63)).await.as_deref(), Some("after"));
    assert_eq!(refused(after(u64::MAX)).await.as_deref(), Some("after"));
    assert_eq!(refused(after(5).with_before(u64::MAX.into())).await.as_deref(), Some("before"));
    let largest = (1 << 63) - 1;
    requested(&database, channel, after(largest - 2).with_before(largest.into())).await;
}

#[tokio::test]
async fn a_run_that_is_to_be_canceled_is_not_in_the_way_of_a_new_request() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let first = requested(&database, channel, ScanRequest::new()).await;
    claim(&database).await;
    assert!(db::request_scan_cancel(&*database, first).await.unwrap());

    let second = requested(&database, channel, ScanRequest::new()).await;
    let again = db::request_scan(&*database, channel, &ScanRequest::new()).await.unwrap();
    assert_eq!(again, ScanRequested::AlreadyActive(second));
    assert_eq!(claim(&database).await.run_id, second);
    assert!(db::request_scan_cancel(&*database, second).await.unwrap());
    requested(&database, channel, ScanRequest::new()).await;
}

#[tokio::test]
async fn runs_of_old_programs_are_not_in_the_way_of_a_request() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let old = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();

    let run = requested(&database, channel, ScanRequest::new()).await;

    assert_ne!(run, old);
    assert_eq!(claims(&database, 10).await.len(), 1);
    assert!(db::mark_scan_started(&*database, old).await.unwrap());
}

#[tokio::test]
async fn a_request_in_a_transaction_that_is_rolled_back_enqueues_nothing() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;

    let transaction = database.begin().await.unwrap();
    let requested = db::request_scan(&transaction, channel, &ScanRequest::new()).await.unwrap();
    assert!(matches!(requested, ScanRequested::Enqueued(_)));
    transaction.rollback().await;

    assert_eq!(claims(&database, 10).await, []);
}
