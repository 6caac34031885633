//! `ScanLease` keeps a claim, tells when it is lost or to be canceled, and hands the run back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{Db, RecordedScanPage, ScanClaim, ScanLease, ScanPage, repositories as db};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::{LEASE, claim, claimed};
use crate::calls::observability::Metrics;
use crate::support::proxy::{Newcomers, Proxy};
use crate::support::races::{TEST_TIMEOUT, wait_for_value};
use crate::support::{Server, TestDatabase, config, connect};

/// A lease whose renewals do not come while a test runs.
const LONG_LEASE: Duration = Duration::from_mins(10);

const STATE: &str = "select concat_ws(' ', status, attempts, claim_token) from bot_channel_scan_runs";

/// When the lease ends, unless it is renewed.
async fn end_of_lease(client: &Client) -> DateTime<Utc> {
    client.query_one("select lease_until from bot_channel_scan_runs", &[]).await.unwrap().get(0)
}

/// Waits until a time is over by the database's clock.
async fn wait_until_past(client: &Client, time: DateTime<Utc>) {
    let waiting = "select pg_sleep(extract(epoch from $1::timestamptz - clock_timestamp()) + 0.001)";
    client.query_one(waiting, &[&time]).await.unwrap();
}

/// Whether the claim's worker may still write.
async fn holds(db: &Db, claim: &ScanClaim) -> bool {
    let page = ScanPage::after(None, [5.into()]).unwrap();
    matches!(db::record_scan_page(db, claim, &page).await.unwrap(), RecordedScanPage::Recorded(_))
}

#[track_caller]
fn assert_held(lease: &ScanLease) {
    assert!(!lease.is_lost() && !lease.is_cancel_requested(), "{lease:?}");
}

#[tokio::test]
async fn a_claim_that_is_held_outlives_its_lease() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LEASE).await;
    let client = connect(&database.url()).await;
    let end = end_of_lease(&client).await;

    let lease = ScanLease::hold(&database, claim, LEASE);
    wait_until_past(&client, end).await;

    assert_eq!(*lease.claim(), claim);
    assert_held(&lease);
    assert!(self::claim(&database, "two", LEASE).await.is_none());
    assert!(holds(&database, &claim).await);
}

#[tokio::test]
async fn a_request_to_cancel_the_run_reaches_its_worker() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LEASE).await;
    let lease = ScanLease::hold(&database, claim, LEASE);

    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());
    timeout(TEST_TIMEOUT, lease.cancelled()).await.expect("the next renewal tells");

    assert!(lease.is_cancel_requested() && !lease.is_lost());
    assert!(lease.release().await.unwrap());
    assert_eq!(database.text(STATE).await, "canceled 0 1");
}

#[tokio::test]
async fn a_claim_whose_run_was_taken_over_is_lost_and_its_end_does_not_touch_the_run() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LEASE).await;
    database.execute("update bot_channel_scan_runs set lease_until = now() - interval '1 second'").await;
    assert_eq!(self::claim(&database, "two", LONG_LEASE).await.unwrap().token, 2);
    let counted = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let lease = ScanLease::hold(&database, claim, LEASE);
    let stalled = ScanLease::hold(&database, claim, LONG_LEASE);

    timeout(TEST_TIMEOUT, lease.lost()).await.expect("the next renewal tells");

    assert_eq!(counted.of("db.client.operation.calls UPDATE renew_scan_lease"), "1");
    assert!(lease.is_lost() && !stalled.is_lost());
    drop((lease, stalled));
    let again = ScanLease::hold(&database, claim, LONG_LEASE);
    assert!(!again.complete().await.unwrap());
    database.close().await;
    assert_eq!(database.text(STATE).await, "running 2 2");
}

#[tokio::test]
async fn a_claim_that_no_renewal_reaches_is_lost_when_the_lease_is_over() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let behind = proxy.pool(2).await;
    let claim = claimed(&database, LONG_LEASE).await;
    proxy.treat_newcomers(Newcomers::Closed);
    proxy.cut().await;

    let lease = ScanLease::hold(&behind, claim, Duration::from_millis(300));
    assert!(!lease.is_lost());
    timeout(TEST_TIMEOUT, lease.lost()).await.expect("its own clock tells");

    assert!(lease.is_lost());
}

#[tokio::test]
async fn a_claim_whose_renewals_get_no_answer_is_lost_when_the_lease_is_over() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let behind = proxy.pool(2).await;
    let claim = claimed(&behind, LONG_LEASE).await;
    proxy.hold();

    let lease = ScanLease::hold(&behind, claim, Duration::from_millis(300));
    timeout(TEST_TIMEOUT, lease.lost()).await.expect("its own clock tells");

    proxy.release();
    assert!(lease.is_lost());
}

#[tokio::test]
async fn a_lease_that_no_clock_can_hold_is_lost_at_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LONG_LEASE).await;

    for lease in [Duration::ZERO, Duration::MAX] {
        let lease = ScanLease::hold(&database, claim, lease);

        assert!(lease.is_lost());
        timeout(TEST_TIMEOUT, lease.lost()).await.expect("it is lost");
    }
}

#[tokio::test]
async fn a_database_that_is_away_for_less_than_the_lease_costs_no_claim() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let mut config = proxy.config();
    config.connect_timeout = Duration::from_secs(1); // a renewal fails long before the lease is over
    let behind = Db::connect(config).await.unwrap();
    let long = 4 * LEASE;
    let claim = claimed(&behind, long).await;
    let client = connect(&database.url()).await;
    let end = end_of_lease(&client).await;
    let counted = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let failures = || {
        let of_kind = |kind| counted.of(&format!("db.client.operation.errors renew_scan_lease {kind}"));
        ["connection", "connect_timeout"].map(of_kind)
    };
    proxy.treat_newcomers(Newcomers::Closed);
    proxy.cut().await;

    let lease = ScanLease::hold(&behind, claim, long);
    let failure = async {
        while failures() == ["0", "0"] {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, failure).await.expect("a renewal fails");
    proxy.treat_newcomers(Newcomers::Served);
    let renewal = async { while end_of_lease(&client).await == end {} };
    timeout(TEST_TIMEOUT, renewal).await.expect("it is tried again");

    assert_held(&lease);
    assert!(holds(&behind, &claim).await);
}

#[tokio::test]
async fn a_connection_that_answers_no_renewal_costs_no_claim() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let behind = proxy.pool(2).await;
    let claim = claimed(&behind, 2 * LEASE).await;
    let client = connect(&database.url()).await;
    let end = end_of_lease(&client).await;
    proxy.hold_these();

    let lease = ScanLease::hold(&behind, claim, 2 * LEASE);
    wait_until_past(&client, end).await;

    assert_held(&lease);
    assert!(holds(&database, &claim).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_and_is_back_within_the_lease_costs_no_claim() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let db = Db::connect(server.url.parse().unwrap()).await.unwrap();
    db.migrate().await.unwrap();
    let long = 5 * LEASE;
    let claim = claimed(&db, long).await;
    let end = end_of_lease(&connect(&server.url).await).await;

    let lease = ScanLease::hold(&db, claim, long);
    tokio::task::block_in_place(|| ["kill", "start"].into_iter().for_each(|command| server.send_command(command)));
    wait_until_past(&connect(&server.url).await, end).await;

    assert_held(&lease);
    assert!(holds(&db, &claim).await);
}

#[tokio::test]
async fn dropping_the_guard_hands_the_run_back() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LONG_LEASE).await;
    let lease = ScanLease::hold(&database, claim, LONG_LEASE);

    drop(lease);

    wait_for_value(&database, STATE, "queued 0 1").await;
}

#[tokio::test]
async fn closing_the_database_waits_until_the_runs_of_dropped_guards_are_handed_back() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LONG_LEASE).await;
    let other = Db::connect(config(&database.name)).await.unwrap();
    let lease = ScanLease::hold(&other, claim, LONG_LEASE);

    drop(lease);
    other.close().await;

    assert_eq!(database.text(STATE).await, "queued 0 1");
}

#[tokio::test]
async fn a_guard_that_outlives_the_database_handle_is_dropped_without_a_panic() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LONG_LEASE).await;
    let lease = ScanLease::hold(&database, claim, LONG_LEASE);
    database.close().await;

    let dropping = std::thread::spawn(move || drop(lease)); // outside of the runtime

    assert!(dropping.join().is_ok());
    assert_eq!(database.text(STATE).await, "running 1 1");
}

#[tokio::test]
async fn who_waits_for_news_of_a_lease_does_not_keep_its_claim() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LEASE).await;
    let lease = ScanLease::hold(&database, claim, LEASE);
    let (lost, _cancelled) = (tokio::spawn(lease.lost()), tokio::spawn(lease.cancelled()));

    lease.fail("\0", None).await.expect_err("U+0000 cannot be stored");
    timeout(TEST_TIMEOUT, lost).await.expect("nobody renews it").unwrap();
    let client = connect(&database.url()).await;
    wait_until_past(&client, end_of_lease(&client).await).await;

    assert!(self::claim(&database, "two", LEASE).await.is_some());
}

#[tokio::test]
async fn a_run_that_was_ended_is_not_handed_back() {
    let retry_at: DateTime<Utc> = "2100-01-01T00:00:00Z".parse().unwrap();
    let reason = "select concat_ws(' ', status, attempts, error_message, not_before at time zone 'utc')
        from bot_channel_scan_runs";
    for (end, stored) in [
        ("complete", "succeeded 1"),
        ("fail", "failed 1 gone"),
        ("retry", "queued 1 gone 2100-01-01 00:00:00"),
        ("release", "queued 0"),
    ] {
        let database = TestDatabase::new().await;
        let claim = claimed(&database, LONG_LEASE).await;
        let lease = ScanLease::hold(&database, claim, LONG_LEASE);

        let held = match end {
            "complete" => lease.complete().await,
            "fail" => lease.fail("gone", None).await,
            "retry" => lease.fail("gone", Some(retry_at)).await,
            _ => lease.release().await,
        };

        assert!(held.unwrap(), "{end}");
        database.close().await;
        assert_eq!(database.text(reason).await, stored, "{end}");
    }
}

#[tokio::test]
async fn a_failure_that_cannot_be_stored_does_not_hand_the_run_back() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database, LONG_LEASE).await;
    let lease = ScanLease::hold(&database, claim, LONG_LEASE);

    lease.fail("\0", None).await.unwrap_err();

    database.close().await;
    assert_eq!(database.text(STATE).await, "running 1 1");
}
