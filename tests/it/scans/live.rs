//! `record_live_messages`: messages of the gateway never hide an unread gap.

use clip_saver_db::{LiveMessagesRecorded, MessageId, ScanPage, repositories as db};

use crate::support::races::fifty_connections;
use crate::support::scans::{channel_of, claimed, clip, count_and_cursor, coverage, ids, interval, page, recorded};
use crate::support::{TestDatabase, concurrently};

async fn live(database: &clip_saver_db::Db, since: Option<u64>, page: &ScanPage) -> LiveMessagesRecorded {
    let since = since.map(MessageId::from);
    db::record_live_messages(database, 2001.into(), since, page).await.unwrap().expect("the channel is stored")
}

#[tokio::test]
async fn a_message_without_since_covers_only_itself() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 100)).await;

    assert_eq!(live(&database, None, &ScanPage::live(150.into())).await.new_messages, 1);

    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 100), (150, 150)]);
    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (102, Some(100)));
}

#[tokio::test]
async fn a_message_covers_everything_after_the_last_that_the_session_saw() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 100)).await;

    live(&database, Some(100), &ScanPage::live(150.into())).await;

    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 150)]);
    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (102, Some(150)));
}

#[tokio::test]
async fn what_came_during_a_missed_reconnect_stays_a_gap() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 100)).await;

    live(&database, None, &ScanPage::live(200.into())).await;
    live(&database, Some(200), &ScanPage::live(210.into())).await;

    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 100), (200, 210)]);
    assert_eq!(recorded(&database, &claim, &page(101, 199)).await.new_messages, 99);
    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (202, Some(210)));
}

#[tokio::test]
async fn the_last_message_that_the_session_saw_is_not_covered_by_the_next() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;

    // The call that recorded 200 has failed.
    live(&database, Some(200), &ScanPage::live(210.into())).await;

    assert_eq!(coverage(&database, channel).await, [(201, 210)]);
    assert_eq!(live(&database, None, &ScanPage::live(200.into())).await.new_messages, 1);
}

#[tokio::test]
async fn messages_before_since_count_once_as_well() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let page = ScanPage::new(interval(50, 105), ids([50, 105]));

    assert_eq!(live(&database, Some(100), &page).await.new_messages, 2);
    assert_eq!(live(&database, Some(100), &page).await.new_messages, 0);
    assert_eq!(coverage(&database, channel).await, [(50, 50), (101, 105)]);
}

#[tokio::test]
async fn the_cursor_follows_when_a_known_message_closes_the_gap_before_it() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 100)).await;
    live(&database, None, &ScanPage::live(105.into())).await;

    assert_eq!(live(&database, Some(100), &ScanPage::live(105.into())).await.new_messages, 0);

    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (102, Some(105)));
}

#[tokio::test]
async fn the_message_of_since_itself_may_come_again() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;

    assert_eq!(live(&database, Some(7), &ScanPage::live(7.into())).await.new_messages, 1);
    assert_eq!(live(&database, Some(7), &ScanPage::live(7.into())).await.new_messages, 0);
    assert_eq!(coverage(&database, channel).await, [(7, 7)]);
}

#[tokio::test]
async fn a_page_without_messages_covers_nothing() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;

    let page = ScanPage::new(interval(0, 100), ids([]));
    assert_eq!(live(&database, Some(5), &page).await.new_messages, 0);
    assert_eq!(coverage(&database, channel).await, []);
}

#[tokio::test]
async fn a_message_of_an_unknown_channel_is_not_stored() {
    let database = TestDatabase::new().await;

    let page = ScanPage::live(7.into()).with_clips([clip(7, 1)]);
    assert_eq!(db::record_live_messages(&*database, 404.into(), None, &page).await.unwrap(), None);
    assert_eq!(database.value("select 1 from bot_clips").await, None);
}

#[tokio::test]
async fn a_since_that_is_later_than_the_messages_is_refused() {
    let database = TestDatabase::new().await;
    channel_of(&database, 1001, 2001).await;

    let late = db::record_live_messages(&*database, 2001.into(), Some(8.into()), &ScanPage::live(7.into())).await;
    assert_eq!(late.unwrap_err().field(), Some("since"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_live_and_on_pages_at_once_counts_once() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let pool = fifty_connections(&database).await;

    let counted = concurrently(40, |caller| {
        let pool = pool.clone();
        async move {
            let message = 100 + caller / 2;
            if caller % 2 == 0 {
                let live_page = ScanPage::live(message.into()).with_clips([clip(message, 1)]);
                live(&pool, Some(message - 1), &live_page).await.new_messages
            } else {
                recorded(&pool, &claim, &page(95, message)).await.new_messages
            }
        }
    })
    .await;

    assert_eq!(counted.iter().sum::<u64>(), 25);
    assert_eq!(count_and_cursor(&database, claim.channel_id).await.0, 25);
    assert_eq!(coverage(&database, claim.channel_id).await, [(95, 119)]);
}
