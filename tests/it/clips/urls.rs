//! URLs of clips: the one that expires later stays.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{Attachment, ClipFilter, Db, repositories as db};

use crate::support::TestDatabase;
use crate::support::scans::{claimed, clip, page, recorded};

const LATER: u64 = 0x7200_0000;
const EARLIER: u64 = 0x7000_0000;

async fn url(database: &Db) -> (String, Option<i64>) {
    let clip = db::get_clip(database, 10.into()).await.unwrap().unwrap();
    (clip.url, clip.url_expires_at.map(|at| at.timestamp()))
}

fn expires_at(url: &str) -> Option<i64> {
    Attachment::new(1.into(), "a", 1, url).url_expires_at().map(|time| time.timestamp())
}

#[tokio::test]
async fn of_two_urls_of_one_attachment_the_one_that_expires_later_stays() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    for (expires_at, stays) in [(EARLIER, EARLIER), (LATER, LATER), (EARLIER, LATER), (LATER, LATER)] {
        recorded(&database, &claim, &page(1, 1).with_clips([clip(1, expires_at)])).await;

        assert_eq!(url(&database).await.1, Some(stays.cast_signed()));
    }
}

#[tokio::test]
async fn a_page_with_a_later_url_also_refreshes_what_the_attachment_is() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(1, 1).with_clips([clip(1, EARLIER)])).await;
    let first_seen = db::get_clip(&*database, 10.into()).await.unwrap().unwrap().first_seen_at;
    let mut newer = clip(1, LATER);
    newer.attachments[0].file_name = "renamed.mp4".into();

    assert_eq!(recorded(&database, &claim, &page(1, 1).with_clips([newer])).await.new_clips, 0);

    let clip = db::get_clip(&*database, 10.into()).await.unwrap().unwrap();
    assert_eq!((clip.file_name.as_str(), clip.first_seen_at), ("renamed.mp4", first_seen));
    assert_eq!(db::count_clips(&*database, &ClipFilter::new(1001.into())).await.unwrap(), 1);
}

#[tokio::test]
async fn an_attachment_that_another_message_shows_again_stays_with_its_message() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(1, 1).with_clips([clip(1, EARLIER)])).await;
    let mut forwarded = clip(2, LATER);
    forwarded.attachments[0].id = 10.into();

    recorded(&database, &claim, &page(2, 2).with_clips([forwarded])).await;

    let clip = db::get_clip(&*database, 10.into()).await.unwrap().unwrap();
    assert_eq!((clip.message_id, clip.url_expires_at.map(|at| at.timestamp())), (1.into(), Some(LATER.cast_signed())));
}

#[tokio::test]
async fn refresh_clip_url_stores_a_url_that_expires_later_and_no_other() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(1, 1).with_clips([clip(1, EARLIER)])).await;
    let refresh = async |url: &str| db::refresh_clip_url(&*database, 10.into(), url).await.unwrap();

    let later = format!("https://cdn/x?is=1&ex={LATER:x}&hm=2");
    assert!(refresh(&later).await);
    assert_eq!(url(&database).await, (later.clone(), Some(LATER.cast_signed())));
    assert!(!refresh(&later).await, "it is no newer");
    assert!(!refresh("https://cdn/x?ex=1").await);
    assert!(!refresh("https://cdn/without").await);
    assert_eq!(url(&database).await.0, later);
    assert!(!db::refresh_clip_url(&*database, 11.into(), &later).await.unwrap(), "it is unknown");
}

#[tokio::test]
async fn a_url_that_expires_replaces_one_that_does_not_say() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let mut unsigned = clip(1, 1);
    unsigned.attachments[0].url = "https://cdn/1".into();
    recorded(&database, &claim, &page(1, 1).with_clips([unsigned])).await;
    assert_eq!(url(&database).await, ("https://cdn/1".into(), None));

    assert!(db::refresh_clip_url(&*database, 10.into(), "https://cdn/1?ex=1").await.unwrap());

    assert_eq!(url(&database).await.1, Some(1));
}

#[tokio::test]
async fn the_earliest_of_the_expiring_clips_come_first() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    let now = Utc::now().timestamp().cast_unsigned();
    let mut unsigned = clip(5, 1);
    unsigned.attachments[0].url = "https://cdn/5".into();
    let clips = [clip(1, now + 1_000), clip(2, now - 100), clip(3, now + 90_000), clip(4, now + 500), unsigned];
    recorded(&database, &claim, &page(1, 6).with_clips(clips)).await;
    let expiring = async |seconds, limit| {
        let clips = db::get_expiring_clips(&*database, Duration::from_secs(seconds), limit).await.unwrap();
        clips.iter().map(|clip| clip.message_id.get()).collect::<Vec<_>>()
    };

    assert_eq!(expiring(3_600, 10).await, [2, 4, 1]);
    assert_eq!(expiring(3_600, 2).await, [2, 4]);
    assert_eq!(expiring(0, 10).await, [2]);
    assert_eq!(expiring(100_000, 10).await, [2, 4, 1, 3]);
    db::delete_messages(&*database, claim.channel_id, &[2.into()]).await.unwrap();
    assert_eq!(expiring(3_600, 10).await, [4, 1]);
    let refused = db::get_expiring_clips(&*database, Duration::MAX, 1).await.unwrap_err();
    assert_eq!(refused.field(), Some("within"));
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let database = TestDatabase::new().await;
    let refused = async |id: u64, url: &str| {
        let error = db::refresh_clip_url(&*database, id.into(), url).await.unwrap_err();
        error.field().map(ToOwned::to_owned)
    };

    assert_eq!(refused(1 << 63, "https://cdn").await.as_deref(), Some("attachment_id"));
    assert_eq!(refused(1, "a\0b").await.as_deref(), Some("url"));
}

#[test]
fn the_end_of_a_url_is_its_parameter_ex_in_hexadecimal_seconds() {
    assert_eq!(expires_at("https://cdn/a.mp4?ex=65d903de&is=65c68ede&hm=24"), Some(0x65d9_03de));
    assert_eq!(expires_at("https://cdn/a.mp4?is=1&ex=65D903DE#t=5"), Some(0x65d9_03de));
    assert_eq!(expires_at("?ex=0"), Some(0));
    let year_10000 = DateTime::<Utc>::from_timestamp(253_402_300_800, 0).unwrap().timestamp();
    assert_eq!(expires_at(&format!("?ex={:x}", year_10000 - 1)), Some(year_10000 - 1));
    assert_eq!(expires_at(&format!("?ex={year_10000:x}")), None);
}

#[test]
fn a_url_that_names_no_end_has_none() {
    let urls = [
        "",
        "?",
        "ex=5",
        "https://cdn/ex=5",
        "?ex=",
        "?ex=+5",
        "?ex=-5",
        "?ex= 5",
        "?ex=0x5",
        "?ex=5g",
        "?Ex=5",
        "?index=5",
        "?a=ex=5",
        "#?ex=5",
        "?a#ex=5",
        "?ex=ffffffffffffffff",
        "?ex=７",
        "?ex=5%20",
    ];
    for url in urls {
        assert_eq!(expires_at(url), None, "{url}");
    }
}
