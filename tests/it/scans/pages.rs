//! `record_scan_page`: a message counts once, for ever, and the cursor passes no gap.

use clip_saver_db::{
    Error, ErrorKind, GuildSnapshot, MessageId, RecordedScanPage, ScanPage, ScanRequest, repositories as db,
};

use crate::support::races::fifty_connections;
use crate::support::scans::{
    after, channel_of, claim, claimed, claims, count_and_cursor, coverage, everything, ids, interval, page,
    page_of_clips, recorded, requested,
};
use crate::support::{TestDatabase, assert_error, concurrently};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_50_callers_record_at_once_counts_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let pool = fifty_connections(&database).await;

    let recorded = concurrently(50, |_| {
        let pool = pool.clone();
        async move { recorded(&pool, &claim, &page_of_clips(101, 200)).await }
    })
    .await;

    assert_eq!(recorded.iter().map(|page| page.new_messages).sum::<u64>(), 100);
    assert_eq!(recorded.iter().map(|page| page.new_clips).sum::<u64>(), 100);
    assert!(recorded.iter().all(|page| page.progress.messages_scanned == 100), "{recorded:?}");
    assert_eq!(count_and_cursor(&database, claim.channel_id).await.0, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_in_opposite_directions_count_each_message_once() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, ScanRequest::new()).await;
    requested(&database, channel, after(1)).await;
    let claims = claims(&database, 2).await;

    let counted = concurrently(2, |run| {
        let (pool, claim) = (database.db.clone(), claims[usize::try_from(run).unwrap()]);
        async move {
            let mut counted = 0;
            for step in 0..40 {
                // 25 messages a page upwards, 40 a page downwards.
                let page =
                    if run == 0 { page(step * 25, step * 25 + 24) } else { page(960 - step * 24, 999 - step * 24) };
                counted += recorded(&pool, &claim, &page).await.new_messages;
            }
            counted
        }
    })
    .await;

    assert_eq!(counted.iter().sum::<u64>(), 1_000);
    assert_eq!(count_and_cursor(&database, channel).await, (1_000, Some(999)));
    assert_eq!(coverage(&database, channel).await, [(0, 999)]);
}

#[tokio::test]
async fn overlapping_pages_of_different_sizes_count_each_message_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    for (first, last, new) in [(100, 199, 100), (150, 249, 50), (90, 99, 10), (1, 300, 140), (120, 130, 0)] {
        assert_eq!(recorded(&database, &claim, &page(first, last)).await.new_messages, new, "[{first}, {last}]");
    }
    assert_eq!(coverage(&database, claim.channel_id).await, [(1, 300)]);
}

#[tokio::test]
async fn a_message_that_is_twice_on_a_page_counts_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    let page = ScanPage::new(interval(1, 9), ids([5, 5, 7]));
    assert_eq!(recorded(&database, &claim, &page).await.new_messages, 2);
}

#[tokio::test]
async fn a_page_returns_the_totals_of_its_run_and_not_of_the_channel() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    requested(&database, channel, ScanRequest::new()).await;
    let first = claim(&database).await;
    recorded(&database, &first, &page_of_clips(1, 10)).await;
    requested(&database, channel, after(5)).await;
    let second = claim(&database).await;

    let page = recorded(&database, &second, &page_of_clips(6, 12)).await;

    assert_eq!((page.new_messages, page.new_clips), (2, 2));
    assert_eq!((page.progress.messages_scanned, page.progress.messages_matched), (2, 2));
    assert_eq!(count_and_cursor(&database, channel).await.0, 12);
}

#[tokio::test]
async fn the_cursor_is_the_end_of_the_interval_that_begins_with_0() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let cursor = async || count_and_cursor(&database, claim.channel_id).await.1;

    recorded(&database, &claim, &page(500, 600)).await;
    assert_eq!(cursor().await, None, "what lies before 500 was not read");
    recorded(&database, &claim, &ScanPage::after(None, ids([300, 400])).unwrap()).await;
    assert_eq!(cursor().await, Some(400));
    recorded(&database, &claim, &page(401, 498)).await;
    assert_eq!(cursor().await, Some(498), "499 was not read");
    recorded(&database, &claim, &page(499, 499)).await;
    assert_eq!(cursor().await, Some(600));
}

#[tokio::test]
async fn the_cursor_never_moves_back_and_counts_as_covered() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    db::update_channel_progress(&*database, claim.channel_id, 1_000.into(), 7).await.unwrap();

    assert_eq!(recorded(&database, &claim, &ScanPage::after(None, ids([1, 500])).unwrap()).await.new_messages, 0);

    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (7, Some(1_000)));
    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 1_000)]);
}

#[tokio::test]
async fn a_cursor_beyond_the_largest_id_stays_and_covers_everything() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    for cursor in [u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX] {
        db::update_channel_cursor(&*database, claim.channel_id, Some(cursor.into())).await.unwrap();

        assert_eq!(recorded(&database, &claim, &page(0, 10)).await.new_messages, 0, "{cursor}");
        assert_eq!(count_and_cursor(&database, claim.channel_id).await, (0, Some(cursor)));
        assert_eq!(coverage(&database, claim.channel_id).await, [(0, u64::MAX >> 1)]);
    }
}

#[tokio::test]
async fn the_largest_id_is_recorded_and_counts_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let largest = u64::MAX >> 1;
    let page = ScanPage::new(interval(largest - 5, largest), ids([largest - 5, largest]));

    assert_eq!(recorded(&database, &claim, &page).await.new_messages, 2);
    assert_eq!(recorded(&database, &claim, &page).await.new_messages, 0);
    assert_eq!(coverage(&database, claim.channel_id).await, [(largest - 5, largest)]);
    let everything = ScanPage::new(interval(0, largest), ids([]));
    recorded(&database, &claim, &everything).await;
    assert_eq!(coverage(&database, claim.channel_id).await, [(0, largest)]);
    assert_eq!(db::get_scan_gaps(&*database, claim.channel_id, largest.into()).await.unwrap(), []);
}

#[tokio::test]
async fn a_page_in_a_transaction_that_is_rolled_back_leaves_nothing() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let before = everything(&database).await;

    let transaction = database.begin().await.unwrap();
    let outcome = db::record_scan_page(&transaction, &claim, &page_of_clips(1, 10)).await.unwrap();
    assert!(matches!(outcome, RecordedScanPage::Recorded(_)));
    transaction.rollback().await;

    assert_eq!(everything(&database).await, before);
    assert_eq!(recorded(&database, &claim, &page_of_clips(1, 10)).await.new_messages, 10);
}

#[tokio::test]
async fn a_page_whose_last_clip_is_refused_by_the_server_stores_nothing() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 0)).await;
    database.execute("alter table bot_clips add check (attachment_id < 100)").await;
    let before = everything(&database).await;

    let outcome = db::record_scan_page(&*database, &claim, &page_of_clips(1, 10)).await;

    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::CheckViolation);
    assert_eq!(everything(&database).await, before);
}

#[tokio::test]
async fn a_page_leaves_what_people_set() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let set = "select concat(name, type, is_nsfw, is_reading, settings, guild_id) from bot_channels";
    let before = database.text(set).await;
    let guild = "select concat(g.*, s.*) from bot_guilds g left join guild_settings s on s.guild_id = g.guild_id";
    let guild_before = database.text(guild).await;

    recorded(&database, &claim, &page_of_clips(1, 10)).await;

    assert_eq!(database.text(set).await, before);
    assert_eq!(database.text(guild).await, guild_before);
    assert_eq!(database.value("select 1 from users").await, None);
}

#[tokio::test]
async fn functions_of_old_programs_keep_their_promises_beside_pages() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let channel = claim.channel_id;
    recorded(&database, &claim, &page(0, 100)).await;

    assert!(db::update_channel_progress(&*database, channel, 150.into(), 50).await.unwrap());
    assert_eq!(count_and_cursor(&database, channel).await, (151, Some(150)));
    let old = db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    let run = db::get_scan_run(&*database, old).await.unwrap().unwrap();
    assert_eq!(run.after_message_id, Some(MessageId::from(150)));
    assert!(db::mark_scan_started(&*database, old).await.unwrap());
    let increment = clip_saver_db::ScanIncrement::scanned(10);
    db::record_scan_progress(&*database, old, channel, 160.into(), increment).await.unwrap().unwrap();
    assert!(db::mark_scan_succeeded(&*database, old).await.unwrap());
    assert_eq!(count_and_cursor(&database, channel).await, (161, Some(160)));
    assert_eq!(recorded(&database, &claim, &page(140, 170)).await.new_messages, 10);
    assert_eq!(count_and_cursor(&database, channel).await, (171, Some(170)));
}

#[tokio::test]
async fn a_page_that_proves_less_than_it_holds_is_refused() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let refused = async |page: ScanPage| -> Error {
        db::record_scan_page(&*database, &claim, &page).await.expect_err("the page is refused")
    };
    let is_about = |error: &Error, field| assert_error(error, ErrorKind::InvalidInput, "record_scan_page", field);

    is_about(&refused(ScanPage::new(interval(10, 20), ids([21]))).await, "messages");
    is_about(&refused(ScanPage::new(interval(10, 20), ids([9]))).await, "messages");
    is_about(&refused(ScanPage::new(interval(20, 10), ids([]))).await, "covered");
    is_about(&refused(page(1, 1_001)).await, "messages");
    is_about(&refused(ScanPage::new(interval(0, 1 << 63), ids([1]))).await, "covered.last");
    let stray = page(1, 5).with_clips([crate::support::scans::clip(6, 1)]);
    is_about(&refused(stray).await, "clips[0].id");
}

#[tokio::test]
async fn a_page_of_1000_messages_with_clips_is_recorded() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    let recorded = recorded(&database, &claim, &page_of_clips(1, 1_000)).await;
    assert_eq!((recorded.new_messages, recorded.new_clips), (1_000, 1_000));
}

#[tokio::test]
async fn a_page_tells_that_the_run_is_to_be_canceled_and_is_stored() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert!(!recorded(&database, &claim, &page(1, 5)).await.is_cancel_requested);

    assert!(db::request_scan_cancel(&*database, claim.run_id).await.unwrap());

    let told = recorded(&database, &claim, &page(6, 10)).await;
    assert_eq!((told.is_cancel_requested, told.new_messages), (true, 5));
}

#[tokio::test]
async fn an_author_is_stored_as_last_seen() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    db::upsert_guild(&*database, &GuildSnapshot::new(claim.guild_id, "x")).await.unwrap();
    recorded(&database, &claim, &page_of_clips(1, 1)).await;
    let mut renamed = page_of_clips(2, 2);
    renamed.clips[0].author.name = "lovelace".into();
    renamed.clips[0].author.display_name = Some("Ada".into());

    recorded(&database, &claim, &renamed).await;

    let clip = db::get_clip(&*database, 10.into()).await.unwrap().unwrap();
    assert_eq!((clip.author.name.as_str(), clip.author.display_name.as_deref()), ("lovelace", Some("Ada")));
}
