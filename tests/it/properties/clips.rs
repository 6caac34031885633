//! Clips: any filter, limit and place; any messages that are deleted; any URL.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use clip_saver_db::{
    Attachment, ChannelId, ClipAuthor, ClipFilter, ClipKey, ClipMessage, MessageId, ScanPage, repositories as db,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::{id, is_bad_text, text, time};
use super::{Subject, check_property, scan_queue::duration};
use crate::support::scans::{channel_of, ids, interval};

/// A clip: its channel, message, author and attachment.
type Row = (u64, u64, u64, u64);

fn is_too_large(id: u64) -> bool {
    i64::try_from(id).is_err()
}

/// Clips in two channels, with distinct attachments and messages of one channel each.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let message = prop_oneof![4 => 0..20_u64, 1 => (0..20_u64).prop_map(|n| n << 22), 1 => Just(i64::MAX as u64)];
    (btree_set(0..50_u64, 0..12), vec((message, 0..3_u64), 12)).prop_map(|(attachments, messages)| {
        let row = |(attachment, (message, author)): (u64, (u64, u64))| (message % 2, message, author, attachment);
        attachments.into_iter().zip(messages).map(row).collect()
    })
}

async fn store(subject: &Subject, rows: &[Row]) {
    let channels = [channel_of(subject, 1001, 2000).await, channel_of(subject, 1001, 2001).await];
    for (channel, message, author, attachment) in rows {
        let channel = channels[usize::try_from(*channel).unwrap()];
        let attachment = Attachment::new((*attachment).into(), "a", 1, "https://cdn");
        let clip = ClipMessage::new((*message).into(), ClipAuthor::new((*author).into(), "x"), [attachment]);
        let page = ScanPage::live((*message).into()).with_clips([clip]);
        db::record_live_messages(&**subject, channel, None, &page).await.unwrap().unwrap();
    }
}

/// A message's author is that of the page that came last; a clip keeps the one it came with.
fn expected(rows: &[Row], filter: &ClipFilter, after: Option<ClipKey>) -> Vec<(u64, u64)> {
    let is_wanted = |(channel, message, author, attachment): &&Row| {
        let posted = MessageId::from(*message).created_at();
        let key = ClipKey { message_id: (*message).into(), attachment_id: (*attachment).into() };
        filter.channel_id.is_none_or(|wanted| wanted == ChannelId::from(2000 + channel))
            && filter.author_id.is_none_or(|wanted| wanted.get() == *author)
            && filter.since.is_none_or(|since| posted >= since)
            && filter.until.is_none_or(|until| posted < until)
            && after.is_none_or(|after| key < after)
    };
    let keys = rows.iter().filter(is_wanted).map(|(_, message, _, attachment)| (*message, *attachment));
    let keys: BTreeSet<_> = keys.collect();
    keys.into_iter().rev().collect()
}

fn filter() -> impl Strategy<Value = ClipFilter> {
    let span = option::of((0..30_i64, 0..30_i64));
    (option::of(2000..2002_u64), option::of(0..3_u64), span, prop::bool::weighted(0.1), time()).prop_map(
        |(channel, author, span, has_any_end, any_end)| {
            let mut filter = ClipFilter::new(1001.into());
            (filter.channel_id, filter.author_id) = (channel.map(Into::into), author.map(Into::into));
            let millisecond = |n: i64| MessageId::from(0).created_at() + chrono::Duration::milliseconds(n);
            if let Some((from, to)) = span {
                filter = filter.with_posted(millisecond(from)..if has_any_end { any_end } else { millisecond(to) });
            }
            filter
        },
    )
}

#[test]
fn any_filter_place_and_limit_lists_and_counts_what_fits() {
    let after = option::of((prop_oneof![0..25_u64, any::<u64>()], prop_oneof![0..50_u64, any::<u64>()]));
    check_property(96, &(rows(), filter(), after, 1..15_u32), async |subject, (rows, filter, after, limit)| {
        store(subject, &rows).await;
        let after = after.map(|(message, clip)| ClipKey { message_id: message.into(), attachment_id: clip.into() });

        let (mut found, mut next) = (Vec::new(), after);
        loop {
            let page = subject.call(db::get_clips(&**subject, &filter, next, limit)).await.unwrap();
            found.extend(page.clips.iter().map(|clip| (clip.message_id.get(), clip.id.get())));
            next = page.next;
            if next.is_none() {
                break;
            }
        }

        assert_eq!(found, expected(&rows, &filter, after));
        let count = subject.call(db::count_clips(&**subject, &filter)).await.unwrap();
        assert_eq!(count, expected(&rows, &filter, None).len() as u64);
    });
}

#[test]
fn any_messages_are_deleted_once_or_refused() {
    check_property(
        64,
        &(rows(), vec(prop_oneof![9 => 0..25_u64, 1 => id()], 0..6)),
        async |subject, (rows, doomed)| {
            store(subject, &rows).await;
            let channel = ChannelId::from(2000);
            let delete = async || subject.call(db::delete_messages(&**subject, channel, &ids(doomed.clone()))).await;

            let removed = delete().await;

            if doomed.iter().copied().any(is_too_large) {
                assert_eq!(removed, Err("message_ids".into()));
                return;
            }
            let is_doomed = |(channel, message, ..): &&Row| *channel == 0 && doomed.contains(message);
            assert_eq!(removed, Ok(rows.iter().filter(is_doomed).count() as u64));
            assert_eq!(delete().await, Ok(0));
            store(subject, &rows).await;
            let left: Vec<_> = rows.iter().filter(|row| !is_doomed(row)).copied().collect();
            let count = db::count_clips(&**subject, &ClipFilter::new(1001.into())).await.unwrap();
            assert_eq!(count, left.len() as u64);
            let messages: BTreeSet<_> = left.iter().map(|(_, message, ..)| message).collect();
            assert_eq!(
                db::total_message_count(&**subject, 1001.into()).await.unwrap(),
                i64::try_from(messages.len()).unwrap()
            );
        },
    );
}

#[test]
fn any_clip_can_be_asked_for_and_refreshed_with_any_url() {
    let url = prop_oneof![text(), any::<u64>().prop_map(|seconds| format!("https://cdn/a?ex={seconds:x}&is=1"))];
    check_property(64, &(id(), url, any::<u32>(), duration()), async |subject, (id, url, limit, within)| {
        store(subject, &[(1, 3, 1, 3)]).await;

        let found = subject.call(db::get_clip(&**subject, id.into())).await;
        let refreshed = subject.call(db::refresh_clip_url(&**subject, id.into(), &url)).await;

        let end = Attachment::new(id.into(), "", 0, url.clone()).url_expires_at();
        if is_too_large(id) {
            assert_eq!((found.unwrap_err(), refreshed.unwrap_err()), ("attachment_id".into(), "attachment_id".into()));
        } else {
            assert_eq!(found.unwrap().is_some(), id == 3);
            let is_newer = id == 3 && end.is_some();
            assert_eq!(refreshed, if is_bad_text(&url) { Err("url".into()) } else { Ok(is_newer) });
        }
        match subject.call(db::get_expiring_clips(&**subject, within, limit)).await {
            Ok(clips) => assert!(clips.len() <= 1),
            Err(field) => assert!(field == "within" && within > Duration::from_secs(1 << 31)),
        }
    });
}

#[test]
fn any_end_of_a_url_is_read_wherever_its_parameter_stands() {
    let around = || select(vec!["", "is=1", "hm=a&b=c", "exx=5", "ix=ex"]);
    let input = (0..=253_402_300_799_u64, around(), around(), any::<bool>());
    let outcome =
        proptest::test_runner::TestRunner::new(super::config(256)).run(&input, |(seconds, before, behind, upper)| {
            let digits = if upper { format!("{seconds:X}") } else { format!("{seconds:x}") };
            let url = format!("https://cdn/a.mp4?{before}&ex={digits}&{behind}#ex=1");
            let end = Attachment::new(1.into(), "a", 1, url).url_expires_at();
            prop_assert_eq!(end, DateTime::from_timestamp(seconds.cast_signed(), 0));
            Ok(())
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn no_url_makes_the_parser_panic() {
    let input =
        prop_oneof![text(), vec(select(vec!["?", "&", "ex=", "#", "é", "ff", "0"]), 0..8).prop_map(|p| p.concat())];
    let outcome = proptest::test_runner::TestRunner::new(super::config(256)).run(&input, |url| {
        let _ = Attachment::new(1.into(), "a", 1, url).url_expires_at();
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
