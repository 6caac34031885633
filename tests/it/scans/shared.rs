//! Scans that workers share, from the request to the last page.

use std::time::Duration;

use clip_saver_db::{
    Attachment, ChannelId, ClipAuthor, ClipFilter, ClipMessage, Db, LeaseState, MessageId, RecordedScanPage, ScanClaim,
    ScanPage, ScanRequest, ScanRequested, ScanRunId, ScanWorker, repositories as db,
};

use crate::support::{TestDatabase, channel, guild};

const LEASE: Duration = Duration::from_secs(60);

async fn reading_channel(database: &Db, guild_id: u64, channel_id: u64) -> ChannelId {
    let guild = guild(database, guild_id).await;
    let channel = channel(database, guild, channel_id).await;
    db::set_channel_reading(database, channel, true).await.unwrap();
    channel
}

async fn request(database: &Db, channel: ChannelId) -> ScanRunId {
    match db::request_scan(database, channel, &ScanRequest::new()).await.unwrap() {
        ScanRequested::Enqueued(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn claim(database: &Db, worker: &ScanWorker) -> Option<ScanClaim> {
    db::claim_scan_runs(database, worker, 1, LEASE).await.unwrap().pop()
}

fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<MessageId> {
    ids.into_iter().map(MessageId::from).collect()
}

fn clip(message: u64) -> ClipMessage {
    let attachment = Attachment::new((message + 1).into(), "a.mp4", 10, "https://cdn/a.mp4?ex=70000000&is=1");
    ClipMessage::new(message.into(), ClipAuthor::new(7.into(), "ada"), [attachment])
}

#[tokio::test]
async fn a_run_is_requested_claimed_scanned_and_completed() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database.db, 1001, 2001).await;
    let run = request(&database.db, channel).await;
    assert_eq!(
        db::request_scan(&database.db, channel, &ScanRequest::new()).await.unwrap(),
        ScanRequested::AlreadyActive(run)
    );
    let worker = ScanWorker::new("w");
    let claim = claim(&database.db, &worker).await.unwrap();
    assert_eq!((claim.run_id, claim.token, claim.attempt), (run, 1, 1));

    let page = ScanPage::after(None, ids(3001..3101)).unwrap().with_clips([clip(3005), clip(3010)]);
    let RecordedScanPage::Recorded(recorded) = db::record_scan_page(&database.db, &claim, &page).await.unwrap() else {
        panic!("lost")
    };
    assert_eq!((recorded.new_messages, recorded.new_clips), (100, 2));
    assert_eq!((recorded.progress.messages_scanned, recorded.progress.messages_matched), (100, 2));
    let RecordedScanPage::Recorded(recorded) = db::record_scan_page(&database.db, &claim, &page).await.unwrap() else {
        panic!("lost")
    };
    assert_eq!((recorded.new_messages, recorded.new_clips), (0, 0));
    assert_eq!(recorded.progress.messages_scanned, 100);
    let stored = db::get_channel(&database.db, channel).await.unwrap().unwrap();
    assert_eq!((stored.message_count, stored.last_message_id), (100, Some(3100.into())));

    let clips = db::get_clips(&database.db, &ClipFilter::new(1001.into()), None, 1).await.unwrap();
    assert_eq!(clips.clips[0].message_id, 3010.into());
    let clips = db::get_clips(&database.db, &ClipFilter::new(1001.into()), clips.next, 10).await.unwrap();
    assert_eq!(clips.clips.len(), 1);
    assert_eq!(clips.next, None);

    assert_eq!(db::delete_messages(&database.db, channel, &ids([3005, 5000])).await.unwrap(), 1);
    let stored = db::get_channel(&database.db, channel).await.unwrap().unwrap();
    assert_eq!(stored.message_count, 99);
    db::record_scan_page(&database.db, &claim, &page).await.unwrap();
    assert_eq!(db::count_clips(&database.db, &ClipFilter::new(1001.into())).await.unwrap(), 1);
    println!("{:?}", db::get_scan_coverage(&database.db, channel).await.unwrap());
    println!("{:?}", db::get_scan_gaps(&database.db, channel, 6000.into()).await.unwrap());

    assert_eq!(db::renew_scan_lease(&database.db, &claim, LEASE).await.unwrap(), LeaseState::Held);
    assert!(db::request_scan_cancel(&database.db, run).await.unwrap());
    assert_eq!(db::renew_scan_lease(&database.db, &claim, LEASE).await.unwrap(), LeaseState::CancelRequested);
    println!("{:?}", db::get_scan_states(&database.db, 1001.into()).await.unwrap());
    println!("{:?}", db::scan_queue_stats(&database.db).await.unwrap());
    assert!(db::complete_scan(&database.db, &claim).await.unwrap());
    assert!(db::complete_scan(&database.db, &claim).await.unwrap());
    assert_eq!(db::renew_scan_lease(&database.db, &claim, LEASE).await.unwrap(), LeaseState::Lost);
    assert_eq!(db::record_scan_page(&database.db, &claim, &page).await.unwrap(), RecordedScanPage::Lost);
    let live = db::record_live_messages(&database.db, channel, Some(3100.into()), &ScanPage::live(5001.into())).await;
    assert_eq!(live.unwrap().unwrap().new_messages, 1);
    let second = request(&database.db, channel).await;
    let again = self::claim(&database.db, &worker).await.unwrap();
    assert_eq!(again.run_id, second);
    assert!(db::fail_scan(&database.db, &again, "later", None).await.unwrap());
    assert_eq!(db::purge_finished_scan_runs(&database.db, Duration::ZERO, 1).await.unwrap(), 1);
}
