//! Pages: any order, direction, size and overlap count each message once; anything else is refused.

use std::collections::BTreeSet;

use clip_saver_db::{
    Attachment, ChannelId, ClipAuthor, ClipMessage, RecordedScanPage, ScanClaim, ScanPage, repositories as db,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::{id, is_bad, is_bad_text, text};
use super::{Subject, check_property, first, first_of};
use crate::support::scans::{channel_of, claimed, count_and_cursor, coverage, ids, interval, recorded};

/// What somebody does with a channel.
#[derive(Debug, Clone)]
enum Step {
    /// A page from an id on, of this length, with a message at each second, third, … id.
    Page { first: u64, length: u64, each: usize },
    /// The same by the gateway, and how far its session goes back before the page's last message.
    Live { first: u64, length: u64, each: usize, since: Option<u64> },
    /// An old program moves the cursor.
    Cursor(u64),
}

/// No step reaches it.
const END: u64 = 300;

fn step() -> impl Strategy<Value = Step> {
    let page = (0..200_u64, 0..60_u64, 1..5_usize);
    prop_oneof![
        6 => page.clone().prop_map(|(first, length, each)| Step::Page { first, length, each }),
        3 => (page, option::of(0..60_u64))
            .prop_map(|(( first, length, each), since)| Step::Live { first, length, each, since }),
        1 => (0..200_u64).prop_map(Step::Cursor),
    ]
}

/// What must be stored of a channel.
#[derive(Default)]
pub struct Expected {
    pub covered: BTreeSet<u64>,
    pub cursor: Option<u64>,
    pub count: u64,
}

impl Expected {
    /// Adds a page; returns how many of its messages are new.
    pub fn add(&mut self, messages: &[u64], covered: impl IntoIterator<Item = u64>) -> u64 {
        let new = self.new_ones(messages);
        self.covered.extend(covered);
        self.count += new;
        if let Some((0, end)) = self.intervals().first() {
            self.cursor = Some(*end);
        }
        new
    }

    /// How many messages are not covered.
    pub fn new_ones(&self, messages: &[u64]) -> u64 {
        messages.iter().filter(|id| !self.covered.contains(id)).count() as u64
    }

    pub fn move_cursor(&mut self, to: u64) {
        self.cursor = self.cursor.max(Some(to));
        self.covered.extend(0..=to);
    }

    pub fn intervals(&self) -> Vec<(u64, u64)> {
        intervals(self.covered.iter().copied())
    }

    fn gaps(&self) -> Vec<(u64, u64)> {
        intervals((0..=END).filter(|id| !self.covered.contains(id)))
    }
}

/// Ascending ids as intervals.
fn intervals(ids: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut intervals: Vec<(u64, u64)> = Vec::new();
    for id in ids {
        match intervals.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => intervals.push((id, id)),
        }
    }
    intervals
}

/// Takes a step, and checks how many messages are new.
async fn take(subject: &Subject, claim: &ScanClaim, step: &Step, expected: &mut Expected) {
    match *step {
        Step::Page { first, length, each } => {
            let messages: Vec<_> = (first..=first + length).step_by(each).collect();
            let page = ScanPage::new(interval(first, first + length), ids(messages.iter().copied()));
            let new = recorded(subject, claim, &page).await.new_messages;
            assert_eq!(new, expected.add(&messages, first..=first + length));
        }
        Step::Live { first, length, each, since } => {
            let messages: Vec<_> = (first..=first + length).step_by(each).collect();
            let last = *messages.last().expect("there is one");
            let since = since.map(|before| last.saturating_sub(before));
            let page = ScanPage::new(interval(first, first + length), ids(messages.iter().copied()));
            let live = db::record_live_messages(&**subject, claim.channel_id, since.map(Into::into), &page).await;
            let unbroken = since.map_or(1..=0, |since| since + 1..=last);
            let new = live.unwrap().unwrap().new_messages;
            assert_eq!(new, expected.add(&messages, messages.iter().copied().chain(unbroken)));
        }
        Step::Cursor(to) => {
            db::update_channel_progress(&**subject, claim.channel_id, to.into(), 0).await.unwrap();
            expected.move_cursor(to);
        }
    }
}

async fn gaps(subject: &Subject, channel: ChannelId) -> Vec<(u64, u64)> {
    let gaps = db::get_scan_gaps(&**subject, channel, END.into()).await.unwrap();
    gaps.into_iter().map(|gap| (gap.first.get(), gap.last.get())).collect()
}

#[test]
fn pages_in_any_order_and_overlap_cover_the_union_and_count_each_message_once() {
    check_property(32, &vec(step(), 1..15), async |subject, steps| {
        let claim = claimed(subject).await;
        let mut expected = Expected::default();
        for step in &steps {
            take(subject, &claim, step, &mut expected).await;

            assert_eq!(coverage(subject, claim.channel_id).await, expected.intervals());
            let count = i64::try_from(expected.count).unwrap();
            assert_eq!(count_and_cursor(subject, claim.channel_id).await, (count, expected.cursor));
        }
        assert_eq!(gaps(subject, claim.channel_id).await, expected.gaps());
        for step in &steps {
            let count = expected.count;
            take(subject, &claim, step, &mut expected).await;
            assert_eq!(expected.count, count, "repeated, it counts nothing");
        }
    });
}

#[test]
fn the_order_of_pages_makes_no_difference_to_what_is_covered() {
    let steps = vec(step(), 1..10).prop_flat_map(|steps| (Just(steps.clone()), Just(steps).prop_shuffle()));
    check_property(24, &steps, async |subject, (steps, shuffled)| {
        let mut claim = claimed(subject).await;
        let other = channel_of(subject, 1001, 2002).await;
        for step in &steps {
            take(subject, &claim, step, &mut Expected::default_of(subject, claim.channel_id).await).await;
        }
        let one = coverage(subject, claim.channel_id).await;
        db::request_scan(&**subject, other, &clip_saver_db::ScanRequest::new()).await.unwrap();
        claim = crate::support::scans::claim(subject).await;
        for step in &shuffled {
            take(subject, &claim, step, &mut Expected::default_of(subject, other).await).await;
        }

        assert_eq!(coverage(subject, other).await, one);
    });
}

impl Expected {
    /// What is stored of a channel now.
    async fn default_of(subject: &Subject, channel: ChannelId) -> Self {
        let covered = coverage(subject, channel).await.into_iter().flat_map(|(first, last)| first..=last).collect();
        let (count, cursor) = count_and_cursor(subject, channel).await;
        Self { covered, cursor, count: count.unsigned_abs() }
    }
}

fn attachment() -> impl Strategy<Value = Attachment> {
    let size = prop_oneof![3 => 0..1_000_u64, 1 => select(vec![i64::MAX as u64, 1 << 63, u64::MAX])];
    let pixels = || option::of(prop_oneof![3 => 0..5_000_u32, 1 => select(vec![(1 << 31) - 1, 1 << 31, u32::MAX])]);
    let seconds = option::of(prop_oneof![3 => 0.0..1e6_f64, 1 => any::<f64>()]);
    (id(), text(), option::of(text()), size, seconds, pixels(), pixels(), text()).prop_map(
        |(id, name, content_type, size, seconds, width, height, url)| {
            let mut attachment = Attachment::new(id.into(), name, size, url);
            (attachment.content_type, attachment.duration_seconds) = (content_type, seconds);
            (attachment.width, attachment.height) = (width, height);
            attachment
        },
    )
}

fn clip() -> impl Strategy<Value = ClipMessage> {
    let id_on_page = prop_oneof![8 => 0..5_u64, 1 => id()];
    (id_on_page, id(), text(), option::of(text()), option::of(text()), vec(attachment(), 0..3)).prop_map(
        |(id, author, name, display_name, avatar, attachments)| {
            let mut author = ClipAuthor::new(author.into(), name);
            (author.display_name, author.avatar) = (display_name, avatar);
            ClipMessage::new(id.into(), author, attachments)
        },
    )
}

fn page() -> impl Strategy<Value = ScanPage> {
    let first = prop_oneof![8 => Just(0), 1 => id()];
    let last = prop_oneof![8 => 5..20_u64, 1 => id()];
    let messages = (vec(id(), 0..3), prop::bool::weighted(0.2))
        .prop_map(|(any, has_any)| (0..5).chain(any.into_iter().filter(move |_| has_any)).collect::<Vec<_>>());
    (first, last, messages, vec(clip(), 0..3)).prop_map(|(first, last, messages, clips)| {
        ScanPage::new(interval(first, last), ids(messages)).with_clips(clips)
    })
}

const fn is_too_large(id: u64) -> bool {
    id > i64::MAX as u64
}

fn bad_field(page: &ScanPage) -> Option<String> {
    let covered = page.covered;
    first([
        ("covered.last", is_too_large(covered.last.get())),
        ("covered", covered.first > covered.last),
        ("messages", page.messages.iter().any(|id| !covered.contains(*id))),
    ])
    .or_else(|| first_of(&page.clips, "clips", |clip| bad_field_of_clip(clip, page)))
}

fn bad_field_of_clip(clip: &ClipMessage, page: &ScanPage) -> Option<String> {
    first([
        ("id", !page.messages.contains(&clip.id)),
        ("author.id", is_too_large(clip.author.id.get())),
        ("author.name", is_bad_text(&clip.author.name)),
        ("author.display_name", is_bad(clip.author.display_name.as_ref())),
        ("author.avatar", is_bad(clip.author.avatar.as_ref())),
    ])
    .or_else(|| first_of(&clip.attachments, "attachments", bad_field_of_attachment))
}

fn bad_field_of_attachment(attachment: &Attachment) -> Option<String> {
    let are_too_many = |pixels: Option<u32>| pixels.is_some_and(|pixels| i32::try_from(pixels).is_err());
    first([
        ("id", is_too_large(attachment.id.get())),
        ("size", is_too_large(attachment.size)),
        ("width", are_too_many(attachment.width)),
        ("height", are_too_many(attachment.height)),
        ("duration_seconds", attachment.duration_seconds.is_some_and(|seconds| !seconds.is_finite())),
        ("file_name", is_bad_text(&attachment.file_name)),
        ("content_type", is_bad(attachment.content_type.as_ref())),
        ("url", is_bad_text(&attachment.url)),
    ])
}

/// Checks that the last attachment of the last message is stored as it was given.
async fn assert_stored(subject: &Subject, page: &ScanPage) {
    let last = page.clips.iter().max_by_key(|clip| clip.id).and_then(|clip| Some((clip, clip.attachments.last()?)));
    let Some((message, attachment)) = last.filter(|_| page.clips.len() == 1) else { return };
    let stored = db::get_clip(&**subject, attachment.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.message_id, stored.author, stored.file_name),
        (message.id, message.author.clone(), attachment.file_name.clone())
    );
    assert_eq!((stored.size, stored.width, stored.height), (attachment.size, attachment.width, attachment.height));
    assert_eq!(
        (stored.duration_seconds, stored.content_type),
        (attachment.duration_seconds, attachment.content_type.clone())
    );
    assert_eq!((stored.url, stored.url_expires_at), (attachment.url.clone(), attachment.url_expires_at()));
}

#[test]
fn any_page_is_stored_or_refused_with_the_name_of_its_field() {
    check_property(96, &page(), async |subject, page| {
        let claim = claimed(subject).await;
        recorded(subject, &claim, &ScanPage::new(interval(1_000_000, 1_000_000), ids([]))).await;

        let scanned = subject.call(db::record_scan_page(&**subject, &claim, &page)).await;

        if let Some(field) = bad_field(&page) {
            assert_eq!(scanned.unwrap_err(), field);
            let live = subject.call(db::record_live_messages(&**subject, claim.channel_id, None, &page)).await;
            assert_eq!(live.unwrap_err(), field);
            return;
        }
        assert!(matches!(scanned.unwrap(), RecordedScanPage::Recorded(_)));
        assert_stored(subject, &page).await;
    });
}
