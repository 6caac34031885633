//! `get_clips`, `count_clips` and `get_clip`: newest first, no row twice, none left out.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use clip_saver_db::{
    Attachment, ChannelId, Clip, ClipAuthor, ClipFilter, ClipKey, ClipMessage, Db, MessageId, ScanPage,
    repositories as db,
};

use crate::support::TestDatabase;
use crate::support::scans::{channel_of, clip, ids, interval, page_of_clips};

const GUILD: u64 = 1001;

/// Stores clips as live messages.
async fn store(database: &Db, channel: ChannelId, clips: impl Into<Vec<ClipMessage>>) {
    let clips = clips.into();
    let messages: Vec<_> = clips.iter().map(|clip| clip.id).collect();
    let page = ScanPage::new(interval(0, u64::MAX >> 1), messages).with_clips(clips);
    db::record_live_messages(database, channel, None, &page).await.unwrap().expect("the channel is stored");
}

/// A message with several clips: the attachments have these numbers.
fn message(id: u64, author: u64, attachments: &[u64]) -> ClipMessage {
    let attachment = |id: &u64| Attachment::new((*id).into(), format!("{id}.mp4"), 1, format!("https://cdn/{id}"));
    let author = ClipAuthor::new(author.into(), format!("author {author}"));
    ClipMessage::new(id.into(), author, attachments.iter().map(attachment).collect::<Vec<_>>())
}

fn keys(clips: &[Clip]) -> Vec<(u64, u64)> {
    clips.iter().map(|clip| (clip.message_id.get(), clip.id.get())).collect()
}

/// All pages of a list.
async fn all(database: &Db, filter: &ClipFilter, limit: u32) -> Vec<(u64, u64)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = db::get_clips(database, filter, after, limit).await.unwrap();
        found.extend(keys(&page.clips));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn the_newest_come_first_and_clips_of_one_message_by_their_ids() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    store(&database, channel, [message(9, 1, &[50, 70, 60]), message(10, 1, &[5]), message(100, 1, &[80, 3])]).await;
    let expected = [(100, 80), (100, 3), (10, 5), (9, 70), (9, 60), (9, 50)];

    for limit in 1..=8 {
        assert_eq!(all(&database, &ClipFilter::new(GUILD.into()), limit).await, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn a_clip_comes_back_as_it_was_stored() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    let id = 175_928_847_299_117_063;
    let mut stored = clip(id, 0x6543_21f0);
    stored.id = id.into();
    let attachment = &mut stored.attachments[0];
    attachment.id = 77.into();
    (attachment.size, attachment.width, attachment.height) = ((1 << 63) - 1, Some(1920), Some((1 << 31) - 1));
    (attachment.duration_seconds, attachment.content_type) = (Some(12.5), Some("video/mp4".into()));
    stored.author.avatar = Some("a_1".into());
    store(&database, channel, [stored.clone()]).await;

    let clip = db::get_clip(&*database, 77.into()).await.unwrap().unwrap();

    let attachment = stored.attachments[0].clone();
    assert_eq!(
        (clip.id, clip.message_id, clip.channel_id, clip.guild_id),
        (77.into(), id.into(), channel, GUILD.into())
    );
    assert_eq!((clip.author, clip.file_name), (stored.author, attachment.file_name));
    assert_eq!((clip.size, clip.width, clip.height), (attachment.size, attachment.width, attachment.height));
    assert_eq!((clip.duration_seconds, clip.content_type), (attachment.duration_seconds, attachment.content_type));
    assert_eq!((clip.url, clip.url_expires_at), (attachment.url, DateTime::from_timestamp(0x6543_21f0, 0)));
    assert!((Utc::now() - clip.first_seen_at).abs() < Duration::minutes(10));
    let created_at = "select extract(epoch from created_at)::text from bot_clip_messages";
    assert_eq!(database.text(created_at).await, "1462015105.796000", "Discord's own example");
    assert_eq!(db::get_clip(&*database, 78.into()).await.unwrap(), None);
}

#[tokio::test]
async fn each_filter_finds_its_clips_and_counts_them() {
    let database = TestDatabase::new().await;
    let [one, other] = [channel_of(&database, GUILD, 2001).await, channel_of(&database, GUILD, 2002).await];
    let elsewhere = channel_of(&database, 1002, 2003).await;
    store(&database, one, [message(1, 1, &[1]), message(2, 2, &[2]), message(3, 1, &[3])]).await;
    store(&database, other, [message(4, 1, &[4]), message(5, 3, &[5])]).await;
    store(&database, elsewhere, [message(6, 1, &[6])]).await;
    let guild = || ClipFilter::new(GUILD.into());
    let found = async |filter: ClipFilter| {
        let found: Vec<_> = all(&database, &filter, 2).await.into_iter().map(|(message, _)| message).collect();
        assert_eq!(db::count_clips(&*database, &filter).await.unwrap(), u64::try_from(found.len()).unwrap());
        found
    };

    assert_eq!(found(guild()).await, [5, 4, 3, 2, 1]);
    assert_eq!(found(guild().with_channel(one)).await, [3, 2, 1]);
    assert_eq!(found(guild().with_author(1.into())).await, [4, 3, 1]);
    assert_eq!(found(guild().with_channel(one).with_author(1.into())).await, [3, 1]);
    assert_eq!(found(guild().with_channel(other).with_author(2.into())).await, [0_u64; 0]);
    assert_eq!(found(guild().with_channel(elsewhere)).await, [0_u64; 0], "of another guild");
    assert_eq!(found(ClipFilter::new(404.into())).await, [0_u64; 0]);
    assert_eq!(found(guild().with_author(9.into())).await, [0_u64; 0]);
}

#[tokio::test]
async fn a_span_of_time_includes_its_beginning_and_not_its_end() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    let millisecond = |n: u64| n << 22;
    let clips = [
        message(millisecond(999) + 5, 1, &[1]),
        message(millisecond(1_000), 1, &[2]),
        message(millisecond(2_000) + 7, 1, &[3]),
    ];
    store(&database, channel, clips).await;
    let at = |n: i64| MessageId::from(0).created_at() + Duration::milliseconds(n);
    let found = async |from: DateTime<Utc>, to: DateTime<Utc>| {
        let mut found = Vec::new();
        for filter in
            [ClipFilter::new(GUILD.into()), ClipFilter::new(GUILD.into()).with_channel(channel).with_author(1.into())]
        {
            let filter = filter.with_posted(from..to);
            found = all(&database, &filter, 1).await.into_iter().map(|(_, attachment)| attachment).collect::<Vec<_>>();
            assert_eq!(db::count_clips(&*database, &filter).await.unwrap(), u64::try_from(found.len()).unwrap());
        }
        found
    };

    assert_eq!(found(at(1_000), at(2_000)).await, [2]);
    assert_eq!(found(at(1_000), at(2_001)).await, [3, 2]);
    assert_eq!(found(at(999), at(1_000)).await, [1]);
    assert_eq!(found(at(1_000) + Duration::nanoseconds(1), at(9_000)).await, [3]);
    assert_eq!(found(at(2_000), at(1_000)).await, [0_u64; 0]);
    assert_eq!(found(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).await, [3, 2, 1]);
    assert_eq!(found(DateTime::<Utc>::MIN_UTC, at(0)).await, [0_u64; 0]);
}

#[tokio::test]
async fn no_clip_comes_twice_and_none_is_left_out_while_others_are_stored() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    store(&database, channel, (100..200).map(|id| message(id * 10, 1, &[id * 10])).collect::<Vec<_>>()).await;
    let pool = database.db.clone();
    let storing = tokio::spawn(async move {
        for round in 0..40_u64 {
            // Newer ones, older ones, and some between.
            let ids = [3_000 + round, round, 1_001 + round * 20 + round % 9];
            store(&pool, channel, ids.map(|id| message(id, 1, &[100_000 + id]))).await;
        }
    });

    while !storing.is_finished() {
        let found = all(&database, &ClipFilter::new(GUILD.into()), 7).await;
        let distinct: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(distinct.len(), found.len(), "no row twice");
        assert!(found.is_sorted_by(|one, next| one > next), "newest first");
        assert!((100..200).all(|id| distinct.contains(&(id * 10, id * 10))), "none is left out");
    }
    storing.await.unwrap();
}

#[tokio::test]
async fn a_page_continues_behind_a_clip_that_was_deleted_since() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    store(&database, channel, (1..=5).map(|id| message(id, 1, &[id])).collect::<Vec<_>>()).await;
    let filter = ClipFilter::new(GUILD.into());
    let first = db::get_clips(&*database, &filter, None, 2).await.unwrap();
    db::delete_messages(&*database, channel, &ids([4])).await.unwrap();

    let second = db::get_clips(&*database, &filter, first.next, 2).await.unwrap();

    assert_eq!(keys(&second.clips), [(3, 3), (2, 2)]);
}

#[tokio::test]
async fn any_key_is_a_place_in_the_list() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    store(&database, channel, [message(5, 1, &[5])]).await;
    let behind = async |message: u64, attachment: u64| {
        let key = ClipKey { message_id: message.into(), attachment_id: attachment.into() };
        keys(&db::get_clips(&*database, &ClipFilter::new(GUILD.into()), Some(key), 9).await.unwrap().clips).len()
    };

    assert_eq!(behind(u64::MAX, u64::MAX).await, 1);
    assert_eq!(behind(5, 6).await, 1);
    assert_eq!(behind(5, 5).await, 0);
    assert_eq!(behind(0, 0).await, 0);
}

#[tokio::test]
async fn the_largest_ids_are_listed() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    let largest = u64::MAX >> 1;
    store(&database, channel, [message(largest, largest, &[largest - 1])]).await;
    let filter = ClipFilter::new(GUILD.into()).with_author(largest.into());

    assert_eq!(all(&database, &filter, 1).await, [(largest, largest - 1)]);
    store(&database, channel, [message(largest - 1, largest, &[largest])]).await;
    assert_eq!(all(&database, &filter, 1).await, [(largest, largest - 1), (largest - 1, largest)]);
    assert_eq!(db::count_clips(&*database, &filter).await.unwrap(), 2);
}

#[tokio::test]
async fn the_newest_clip_is_listed_even_if_both_of_its_ids_are_the_largest() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    let largest = u64::MAX >> 1;
    store(&database, channel, [message(largest, 1, &[largest])]).await;

    let filter = ClipFilter::new(GUILD.into());
    assert_eq!(all(&database, &filter, 5).await, [(largest, largest)]);
    let any_time = DateTime::<Utc>::MIN_UTC..DateTime::<Utc>::MAX_UTC;
    assert_eq!(all(&database, &filter.clone().with_posted(any_time), 5).await, [(largest, largest)]);
    let too_late = DateTime::<Utc>::MAX_UTC..DateTime::<Utc>::MAX_UTC;
    assert_eq!(db::count_clips(&*database, &filter.with_posted(too_late)).await.unwrap(), 0);
}

#[tokio::test]
async fn limits_and_ids_out_of_range_are_refused() {
    let database = TestDatabase::new().await;
    let filter = ClipFilter::new(GUILD.into());
    let too_large = filter.clone().with_author((1 << 63).into());

    assert_eq!(db::get_clips(&*database, &filter, None, 0).await.unwrap_err().field(), Some("limit"));
    assert_eq!(db::get_clips(&*database, &too_large, None, 1).await.unwrap_err().field(), Some("author_id"));
    assert_eq!(db::count_clips(&*database, &too_large).await.unwrap_err().field(), Some("author_id"));
    assert_eq!(db::get_clip(&*database, (1 << 63).into()).await.unwrap_err().field(), Some("attachment_id"));
}

#[tokio::test]
async fn clips_and_authors_go_with_their_channel_and_guild() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, GUILD, 2001).await;
    db::record_live_messages(&*database, channel, None, &page_of_clips(1, 5)).await.unwrap();
    let filter = ClipFilter::new(GUILD.into());

    db::delete_channels(&*database, &[channel]).await.unwrap();
    assert_eq!(db::count_clips(&*database, &filter).await.unwrap(), 0);
    assert_eq!(database.text("select count(*) from bot_authors").await, "1");
    db::delete_guilds(&*database, &[GUILD.into()]).await.unwrap();
    assert_eq!(database.text("select count(*) from bot_authors").await, "0");
}
