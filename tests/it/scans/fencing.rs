//! `record_scan_page`: whoever has lost the claim writes nothing, in no table.

use clip_saver_db::{RecordedScanPage, ScanClaim, ScanRequest, repositories as db};

use crate::support::TestDatabase;
use crate::support::scans::{
    channel_of, claim, claimed, everything, expire_leases, page, page_of_clips, recorded, requested,
};

async fn assert_lost(database: &TestDatabase, claim: &ScanClaim) {
    let before = everything(database).await;
    let outcome = db::record_scan_page(&**database, claim, &page_of_clips(101, 110)).await.unwrap();
    assert_eq!(outcome, RecordedScanPage::Lost);
    assert_eq!(everything(database).await, before);
}

#[tokio::test]
async fn an_older_token_is_lost_and_writes_nothing() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    expire_leases(&database).await;
    let second = claim(&database).await;

    assert!(second.token > first.token);
    assert_lost(&database, &first).await;
    recorded(&database, &second, &page(1, 5)).await;
}

#[tokio::test]
async fn a_claim_whose_lease_has_expired_is_lost_and_writes_nothing() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    expire_leases(&database).await;

    assert_lost(&database, &claim).await;
}

#[tokio::test]
async fn a_claim_whose_run_is_finished_is_lost_and_writes_nothing() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for way in 0..5 {
        requested(&database, channel, ScanRequest::new()).await;
        let claim = claim(&database).await;
        let run = claim.run_id;
        let is_finished = match way {
            0 => db::complete_scan(&*database, &claim).await,
            1 => db::fail_scan(&*database, &claim, "reason", None).await,
            2 => db::mark_scan_succeeded(&*database, run).await,
            3 => db::mark_scan_failed(&*database, run, "reason").await,
            _ => db::mark_scan_canceled(&*database, run).await,
        };
        assert!(is_finished.unwrap(), "{way}");
        assert_lost(&database, &claim).await;
    }
}

#[tokio::test]
async fn a_claim_on_a_channel_that_is_not_its_runs_is_lost() {
    let database = TestDatabase::new().await;
    let mut claim = claimed(&database).await;
    claim.channel_id = channel_of(&database, 1001, 2002).await;

    assert_lost(&database, &claim).await;
}
