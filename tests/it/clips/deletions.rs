//! `delete_messages`: a deleted message leaves a tombstone, and no page brings it back.

use clip_saver_db::{ChannelId, ClipFilter, repositories as db};

use crate::support::races::fifty_connections;
use crate::support::scans::{
    channel_of, claimed, clip, count_and_cursor, coverage, everything, ids, page, page_of_clips, recorded,
};
use crate::support::{TestDatabase, concurrently};

async fn delete(database: &TestDatabase, channel: ChannelId, messages: impl IntoIterator<Item = u64>) -> u64 {
    db::delete_messages(&**database, channel, &ids(messages)).await.unwrap()
}

async fn clips(database: &TestDatabase) -> u64 {
    db::count_clips(&**database, &ClipFilter::new(1001.into())).await.unwrap()
}

#[tokio::test]
async fn deleted_messages_lose_their_clips_and_are_taken_off_the_count() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page_of_clips(1, 10)).await;

    assert_eq!(delete(&database, claim.channel_id, [3]).await, 1);
    assert_eq!(delete(&database, claim.channel_id, [4, 5, 6, 5]).await, 3);

    assert_eq!((clips(&database).await, count_and_cursor(&database, claim.channel_id).await.0), (6, 6));
    assert_eq!(db::get_clip(&*database, 30.into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_repeated_deletion_changes_nothing_more() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page_of_clips(1, 10)).await;
    delete(&database, claim.channel_id, [3, 99]).await;
    let before = everything(&database).await;

    assert_eq!(delete(&database, claim.channel_id, [3, 99]).await, 0);

    assert_eq!(everything(&database).await, before);
}

#[tokio::test]
async fn a_page_that_is_stored_after_the_deletion_does_not_bring_the_message_back() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert_eq!(delete(&database, claim.channel_id, [3]).await, 0);

    let page = recorded(&database, &claim, &page_of_clips(1, 10)).await;

    assert_eq!((page.new_messages, page.new_clips, clips(&database).await), (9, 9, 9));
    assert_eq!(count_and_cursor(&database, claim.channel_id).await.0, 9);
    let live = page_of_clips(3, 3);
    db::record_live_messages(&*database, claim.channel_id, None, &live).await.unwrap();
    assert_eq!(clips(&database).await, 9);
}

#[tokio::test]
async fn a_deletion_between_two_reads_of_its_page_stays() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page_of_clips(1, 10)).await;
    delete(&database, claim.channel_id, [3]).await;

    let newer = page(1, 10).with_clips([clip(3, 0x7fff_ffff)]);
    assert_eq!(recorded(&database, &claim, &newer).await.new_clips, 0);

    assert_eq!((clips(&database).await, count_and_cursor(&database, claim.channel_id).await.0), (9, 9));
    assert!(!db::refresh_clip_url(&*database, 30.into(), "https://cdn/3.mp4?ex=7fffffff").await.unwrap());
}

#[tokio::test]
async fn a_deleted_message_without_clips_is_taken_off_the_count() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(1, 10)).await;

    assert_eq!(delete(&database, claim.channel_id, [3]).await, 0);

    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (9, None));
    assert_eq!(coverage(&database, claim.channel_id).await, [(1, 10)]);
}

#[tokio::test]
async fn a_deleted_message_that_was_never_read_was_not_counted() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(0, 10)).await;

    assert_eq!(delete(&database, claim.channel_id, [20]).await, 0);

    assert_eq!(count_and_cursor(&database, claim.channel_id).await, (11, Some(10)));
    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 10), (20, 20)]);
}

#[tokio::test]
async fn the_count_does_not_fall_below_0() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    db::update_channel_progress(&*database, channel, 100.into(), 1).await.unwrap();

    delete(&database, channel, 1..=5).await;

    assert_eq!(count_and_cursor(&database, channel).await, (0, Some(100)));
}

#[tokio::test]
async fn messages_of_an_unknown_channel_leave_nothing() {
    let database = TestDatabase::new().await;

    assert_eq!(delete(&database, 404.into(), [3]).await, 0);
    assert_eq!(delete(&database, 404.into(), []).await, 0);
    assert_eq!(database.text("select count(*) from bot_clip_messages").await, "0");
}

#[tokio::test]
async fn a_message_of_another_channel_is_not_deleted() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page_of_clips(1, 3)).await;
    let other = channel_of(&database, 1001, 2002).await;

    assert_eq!(delete(&database, other, [2]).await, 0);

    assert_eq!((clips(&database).await, count_and_cursor(&database, claim.channel_id).await.0), (3, 3));
    assert_eq!(count_and_cursor(&database, other).await.0, 0);
}

#[tokio::test]
async fn ids_that_are_too_large_are_refused() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;

    let refused = db::delete_messages(&*database, channel, &ids([1, 1 << 63])).await.unwrap_err();
    assert_eq!(refused.field(), Some("message_ids"));
    assert_eq!(delete(&database, channel, [(1 << 63) - 1]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_pages_and_deletions_at_once_no_clip_and_no_count_is_left() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let pool = fifty_connections(&database).await;

    let removed = concurrently(30, |caller| {
        let pool = pool.clone();
        async move {
            if caller % 2 == 0 {
                recorded(&pool, &claim, &page_of_clips(1, 20)).await;
                0
            } else {
                db::delete_messages(&pool, claim.channel_id, &ids((1..=20).rev())).await.unwrap()
            }
        }
    })
    .await;

    assert!([0, 20].contains(&removed.iter().sum::<u64>()), "{removed:?}");
    assert_eq!((clips(&database).await, count_and_cursor(&database, claim.channel_id).await.0), (0, 0));
}
