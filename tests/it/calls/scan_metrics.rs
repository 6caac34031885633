//! What operators see of shared scans: the queue as gauges, what was read as counters.

use std::time::Duration;

use clip_saver_db::{Attachment, ClipAuthor, ClipMessage, ScanPage, ScanRequest, ScanWorker, repositories as db};

use crate::calls::observability::Metrics;
use crate::support::{TestDatabase, reading_channel};

const LEASE: Duration = Duration::from_mins(1);

/// The messages 11 to 13, the last one with a clip.
fn page() -> ScanPage {
    let clip = Attachment::new(7.into(), "a.mp4", 10, "https://cdn.example/a.mp4");
    let clip = ClipMessage::new(13.into(), ClipAuthor::new(5.into(), "ada"), [clip]);
    ScanPage::after(None, (11..=13).map(Into::into)).unwrap().with_clips([clip])
}

#[tokio::test]
async fn pages_and_what_is_new_on_them_are_counted() {
    let database = TestDatabase::new().await;
    let counted = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let channel = reading_channel(&database).await;
    db::request_scan(&*database, channel, &ScanRequest::new()).await.unwrap();
    let claim = db::claim_scan_runs(&*database, &ScanWorker::new("w"), 1, LEASE).await.unwrap().remove(0);

    for _ in 0..2 {
        db::record_scan_page(&*database, &claim, &page()).await.unwrap();
    }
    db::record_live_messages(&*database, channel, None, &ScanPage::live(99.into())).await.unwrap();
    db::complete_scan(&*database, &claim).await.unwrap();
    db::record_scan_page(&*database, &claim, &page()).await.unwrap(); // lost

    let values = ["pages", "messages", "clips"].map(|name| counted.of(&format!("clip_saver.{name}")));
    assert_eq!(values, ["2", "4", "1"]);
}

#[tokio::test]
async fn the_queue_is_shown_as_it_was_found_last() {
    let database = TestDatabase::new().await;
    let shown = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&shown);
    let channel = reading_channel(&database).await;
    for before in 1..=3 {
        let request = ScanRequest::new().with_before((10 * before).into());
        db::request_scan(&*database, channel, &request).await.unwrap();
    }
    db::claim_scan_runs(&*database, &ScanWorker::new("w"), 1, LEASE).await.unwrap();
    let delayed = ScanRequest::new().with_not_before("2100-01-01T00:00:00Z".parse().unwrap());
    db::request_scan(&*database, channel, &delayed).await.unwrap();
    database.execute("update bot_channel_scan_runs set created_at = now() - interval '90 seconds'").await;
    let statuses = ["queued", "delayed", "running", "expired"];
    let gauges = || statuses.map(|status| shown.of(&format!("clip_saver.scans {status}")));

    let stats = db::scan_queue_stats(&*database).await.unwrap();
    assert_eq!(gauges(), ["2", "1", "1", "0"]);
    assert_eq!(shown.of("clip_saver.scans.oldest"), stats.oldest.unwrap().as_secs_f64().to_string());

    database.execute("update bot_channel_scan_runs set lease_until = now() where status = 'running'").await;
    database.execute("delete from bot_channel_scan_runs where status = 'queued'").await;
    db::scan_queue_stats(&*database).await.unwrap();
    assert_eq!(gauges(), ["0", "0", "0", "1"]);
    assert_eq!(shown.of("clip_saver.scans.oldest"), "0");
}
