//! Channels, guilds and messages that are deleted while a page is being recorded: no deadlock, and nothing is left.

use clip_saver_db::{CancelScope, Error, RecordedScanPage, ScanClaim, ScanRequest, repositories as db};
use tokio::task::JoinHandle;

use crate::support::TestDatabase;
use crate::support::races::LockHolder;
use crate::support::scans::{
    channel_of, claim, claimed, claims, clip, count_and_cursor, ids, page, page_of_clips, recorded, requested,
};

fn record(database: &TestDatabase, claim: ScanClaim) -> JoinHandle<Result<RecordedScanPage, Error>> {
    let pool = database.db.clone();
    tokio::spawn(async move { db::record_scan_page(&pool, &claim, &page_of_clips(101, 110)).await })
}

async fn assert_nothing_is_left(database: &TestDatabase) {
    for table in ["bot_channels", "bot_channel_coverage", "bot_channel_scan_runs", "bot_clip_messages", "bot_clips"] {
        assert_eq!(database.text(&format!("select count(*) from {table}")).await, "0", "{table}");
    }
}

#[tokio::test]
async fn a_channel_that_is_deleted_while_a_page_is_open_takes_the_page_with_it() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let holder = LockHolder::new(&database, "select 1").await;
    let open = database.begin().await.unwrap();
    db::record_scan_page(&open, &claim, &page_of_clips(101, 110)).await.unwrap();
    let pool = database.db.clone();
    let deleting = tokio::spawn(async move { db::delete_channels(&pool, &[claim.channel_id]).await });
    holder.wait_until_blocked(1).await;

    open.commit().await.unwrap();

    assert_eq!(deleting.await.unwrap().unwrap(), 1);
    assert_nothing_is_left(&database).await;
}

#[tokio::test]
async fn a_page_that_waits_for_the_deletion_of_its_channel_is_lost() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let holder = LockHolder::new(&database, "delete from bot_channels").await;
    let recording = record(&database, claim);
    let pool = database.db.clone();
    let live =
        tokio::spawn(
            async move { db::record_live_messages(&pool, claim.channel_id, None, &page_of_clips(101, 110)).await },
        );
    holder.wait_until_blocked(2).await;

    holder.commit().await;

    assert_eq!(recording.await.unwrap().unwrap(), RecordedScanPage::Lost);
    assert_eq!(live.await.unwrap().unwrap(), None);
    assert_nothing_is_left(&database).await;
}

/// Another session's message that holds up a page of clips: the page has locked its channel by then.
async fn hold_pages_up(database: &TestDatabase) -> LockHolder {
    channel_of(database, 9, 9).await;
    let message = "insert into bot_clip_messages (message_id, channel_id, created_at) values (105, '9', now())";
    LockHolder::new(database, message).await
}

#[tokio::test]
async fn a_guild_that_is_deleted_in_the_middle_of_a_page_waits_for_it() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 1)).await;
    let holder = hold_pages_up(&database).await;
    let recording = record(&database, claim);
    holder.wait_until_blocked(1).await;
    let pool = database.db.clone();
    let deleting = tokio::spawn(async move { db::delete_guilds(&pool, &[1001.into()]).await });
    holder.wait_until_blocked(2).await;

    holder.rollback().await;

    let recorded = recording.await.unwrap().unwrap();
    assert!(matches!(recorded, RecordedScanPage::Recorded(_)), "{recorded:?}");
    assert_eq!(deleting.await.unwrap().unwrap(), 1);
    assert_eq!(database.text("select count(*) from bot_clips").await, "0");
    assert_eq!(database.text("select count(*) from bot_authors").await, "0");
}

#[tokio::test]
async fn an_old_program_that_deletes_the_guild_in_the_middle_of_a_page_waits_for_it() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 1)).await;
    let holder = hold_pages_up(&database).await;
    let recording = record(&database, claim);
    holder.wait_until_blocked(1).await;
    let other = crate::support::connect(&database.url()).await;
    let deleting =
        tokio::spawn(async move { other.execute("delete from bot_guilds where guild_id = '1001'", &[]).await });
    holder.wait_until_blocked(2).await;

    holder.rollback().await;

    let recorded = recording.await.unwrap().unwrap();
    assert!(matches!(recorded, RecordedScanPage::Recorded(_)), "{recorded:?}");
    assert_eq!(deleting.await.unwrap().unwrap(), 1);
    assert_eq!(database.text("select count(*) from bot_clips").await, "0");
}

#[tokio::test]
async fn a_page_that_waits_for_the_deletion_of_its_guild_is_lost() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let holder = LockHolder::new(&database, "delete from bot_guilds").await;
    let recording = record(&database, claim);
    holder.wait_until_blocked(1).await;

    holder.commit().await;

    assert_eq!(recording.await.unwrap().unwrap(), RecordedScanPage::Lost);
    assert_nothing_is_left(&database).await;
}

#[tokio::test]
async fn a_message_that_is_deleted_while_its_page_is_open_loses_the_clips_of_that_page() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 1)).await;
    let holder = LockHolder::new(&database, "select 1").await;
    let open = database.begin().await.unwrap();
    db::record_scan_page(&open, &claim, &page_of_clips(101, 110)).await.unwrap();
    let pool = database.db.clone();
    let deleting = tokio::spawn(async move { db::delete_messages(&pool, claim.channel_id, &ids([105, 107])).await });
    holder.wait_until_blocked(1).await;

    open.commit().await.unwrap();

    assert_eq!(deleting.await.unwrap().unwrap(), 2);
    assert_eq!(database.text("select count(*) from bot_clips where deleted_at is null").await, "8");
    assert_eq!(count_and_cursor(&database, claim.channel_id).await.0, 2 + 8);
    recorded(&database, &claim, &page_of_clips(101, 110)).await;
    assert_eq!(database.text("select count(*) from bot_clips where deleted_at is null").await, "8");
}

#[tokio::test]
async fn clips_that_a_second_page_adds_to_counted_messages_are_removed_as_well() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(101, 110)).await;
    let holder = LockHolder::new(&database, "select 1").await;
    let open = database.begin().await.unwrap();
    db::record_scan_page(&open, &claim, &page_of_clips(101, 110)).await.unwrap();
    let pool = database.db.clone();
    let deleting = tokio::spawn(async move { db::delete_messages(&pool, claim.channel_id, &ids([105])).await });
    holder.wait_until_blocked(1).await;

    open.commit().await.unwrap();

    assert_eq!(deleting.await.unwrap().unwrap(), 1);
    assert_eq!(db::get_clip(&*database, 1050.into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_page_that_waits_for_a_deletion_does_not_bring_the_message_back() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 1)).await;
    let holder = LockHolder::new(&database, "select 1").await;
    let open = database.begin().await.unwrap();
    assert_eq!(db::delete_messages(&open, claim.channel_id, &ids([105])).await.unwrap(), 0);
    let recording = record(&database, claim);
    holder.wait_until_blocked(1).await;

    open.commit().await.unwrap();

    let RecordedScanPage::Recorded(page) = recording.await.unwrap().unwrap() else { panic!("lost") };
    assert_eq!((page.new_messages, page.new_clips), (9, 9));
    assert_eq!(db::get_clip(&*database, 1050.into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_channel_that_is_deleted_and_stored_again_begins_anew() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    recorded(&database, &first, &page_of_clips(0, 9)).await;
    db::delete_channels(&*database, &[first.channel_id]).await.unwrap();

    let channel = channel_of(&database, 1001, 2001).await;
    assert_eq!(db::record_scan_page(&*database, &first, &page(0, 9)).await.unwrap(), RecordedScanPage::Lost);
    requested(&database, channel, ScanRequest::new()).await;
    let second = claim(&database).await;

    let page = crate::support::scans::page(5, 5).with_clips([clip(5, 1)]);
    assert_eq!(recorded(&database, &second, &page).await.new_clips, 1);
    assert_eq!(count_and_cursor(&database, channel).await, (1, None));
}

/// Two claims on two channels. The claim of the second channel has the smaller run.
async fn two_claims(database: &TestDatabase) -> Vec<ScanClaim> {
    for (channel, run) in [(10, 2), (20, 1)] {
        let channel = channel_of(database, 1001, channel).await;
        requested(database, channel, ScanRequest::new()).await;
        let numbered = format!(
            "update bot_channel_scan_runs set id = lpad('{run}', 32, '0')::uuid where channel_id = '{channel}'"
        );
        database.execute(&numbered).await;
    }
    claims(database, 2).await
}

const LOCK_RUN_OF_10: &str = "select from bot_channel_scan_runs where channel_id = '10' for update";

fn delete_both_channels(database: &TestDatabase) -> JoinHandle<Result<u64, Error>> {
    let pool = database.db.clone();
    tokio::spawn(async move { db::delete_channels(&pool, &[10.into(), 20.into()]).await })
}

#[tokio::test]
async fn channels_that_are_deleted_while_their_runs_are_completed_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let claims = two_claims(&database).await;
    let holder = LockHolder::new(&database, LOCK_RUN_OF_10).await;
    let deleting = delete_both_channels(&database);
    holder.wait_until_blocked(1).await;
    let pool = database.db.clone();
    let completing = tokio::spawn(async move { db::complete_scans(&pool, &claims).await });
    holder.wait_until_blocked(2).await;

    holder.rollback().await;

    assert_eq!(deleting.await.unwrap().unwrap(), 2);
    assert_eq!(completing.await.unwrap().unwrap().len(), 1, "the run that nobody held was completed at once");
}

#[tokio::test]
async fn channels_that_are_deleted_while_their_runs_are_canceled_do_not_deadlock() {
    let database = TestDatabase::new().await;
    two_claims(&database).await;
    let holder = LockHolder::new(&database, LOCK_RUN_OF_10).await;
    let deleting = delete_both_channels(&database);
    holder.wait_until_blocked(1).await;
    let pool = database.db.clone();
    let canceling = tokio::spawn(async move { db::cancel_scans(&pool, CancelScope::Guild(1001.into())).await });
    holder.wait_until_blocked(2).await;

    holder.rollback().await;

    assert_eq!(deleting.await.unwrap().unwrap(), 2);
    assert_eq!(canceling.await.unwrap().unwrap(), 0);
}
