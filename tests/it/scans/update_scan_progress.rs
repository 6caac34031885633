//! `update_scan_progress`: the counters of a run.

use crate::support::changed;
use clip_saver_db::{ScanIncrement, ScanProgress, repositories as db};

use crate::channels::writes::fifty_at_once;
use crate::scans::scan_runs::{one_run, stored_run, unknown_run};

#[tokio::test]
async fn progress_is_added_in_every_status_and_the_totals_are_returned() {
    let (database, run) = one_run().await;

    for (n, status) in (1..).zip(["queued", "running", "succeeded", "failed", "canceled"]) {
        database.execute(&format!("update bot_channel_scan_runs set status = '{status}'")).await;
        let before = stored_run(&database, run).await;

        let increment = ScanIncrement::scanned(100).with_matched(7);
        let progress = db::update_scan_progress(&*database, run, increment).await.unwrap();

        let total = changed!(ScanProgress::default(), messages_scanned = 100 * n, messages_matched = 7 * n);
        assert_eq!(progress, Some(total), "{status}");
        let ScanProgress { messages_scanned, messages_matched, .. } = total;
        assert_eq!(stored_run(&database, run).await, changed!(before, messages_scanned, messages_matched));
    }
}

#[tokio::test]
async fn progress_may_be_negative_or_zero() {
    let (database, run) = one_run().await;

    for (scanned, matched, messages_scanned, messages_matched) in [(5, 0, 5, 0), (-7, 3, -2, 3), (0, 0, -2, 3)] {
        let progress = db::update_scan_progress(&*database, run, ScanIncrement::scanned(scanned).with_matched(matched))
            .await
            .unwrap();

        assert_eq!(progress, Some(changed!(ScanProgress::default(), messages_scanned, messages_matched)));
    }
}

#[tokio::test]
async fn progress_of_an_unknown_run_returns_none_and_changes_no_other_run() {
    let (database, run) = one_run().await;
    let before = stored_run(&database, run).await;

    let increment = ScanIncrement::scanned(1).with_matched(1);
    assert_eq!(db::update_scan_progress(&*database, unknown_run(), increment).await.unwrap(), None);

    assert_eq!(stored_run(&database, run).await, before);
}

#[tokio::test]
async fn a_counter_beyond_64_bits_gives_an_error_and_neither_counter_changes() {
    let (database, run) = one_run().await;
    let most = ScanIncrement::scanned(i64::MAX).with_matched(i64::MIN);
    db::update_scan_progress(&*database, run, most).await.unwrap();
    let before = stored_run(&database, run).await;

    for (scanned, matched) in [(1, 1), (-1, -1)] {
        let increment = ScanIncrement::scanned(scanned).with_matched(matched);
        let error = db::update_scan_progress(&*database, run, increment).await.unwrap_err();

        assert_eq!((error.function(), error.sqlstate()), (Some("update_scan_progress"), Some("22003")));
        assert_eq!(stored_run(&database, run).await, before);
    }
}

#[tokio::test]
async fn concurrent_progress_loses_nothing() {
    let (database, run) = one_run().await;

    let totals = fifty_at_once(&database, "select from bot_channel_scan_runs for update", |database, _| async move {
        let increment = ScanIncrement::scanned(10).with_matched(1);
        db::update_scan_progress(&database, run, increment).await.unwrap().unwrap()
    })
    .await;

    let stored = stored_run(&database, run).await;
    assert_eq!((stored.messages_scanned, stored.messages_matched), (500, 50));
    let mut returned: Vec<_> = totals.iter().map(|total| total.messages_matched).collect();
    returned.sort_unstable();
    assert_eq!(returned, (1..=50).collect::<Vec<_>>(), "each caller gets the totals that its own call made");
}
