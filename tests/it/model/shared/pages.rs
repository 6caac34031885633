//! The calls on messages and clips.

use clip_saver_db::{ClipFilter, RecordedScanPage, ScanPage, repositories as db};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::calls::{Names, channel};
use super::state::{CHANNELS, Channel, Model};
use crate::support::TestDatabase;
use crate::support::scans::{clip, ids, interval};

#[derive(Debug, Clone)]
pub enum PageCall {
    Record(usize, Page),
    Live(u64, Option<u64>, Page),
    Cursor(u64, u64),
    Delete(u64, Vec<u64>),
    Refresh(u64, u64),
    List(u64),
    States(u64),
}

/// A page from an id on: each `each`th id is a message, and each second message has a clip if they have any.
#[derive(Debug, Clone)]
pub struct Page {
    first: u64,
    length: u64,
    each: usize,
    /// When its clips' URLs expire.
    expires_at: Option<u64>,
}

impl Page {
    fn any() -> impl Strategy<Value = Self> {
        (0..40_u64, 0..15_u64, 1..4_usize, option::of(1_000_000..1_000_005_u64))
            .prop_map(|(first, length, each, expires_at)| Self { first, length, each, expires_at })
    }

    fn messages(&self, channel: u64) -> Vec<u64> {
        let first = channel * 1_000 + self.first;
        (first..=first + self.length).step_by(self.each).collect()
    }

    /// The messages with clips, and when the clips' URLs expire.
    fn clips(&self, channel: u64) -> Vec<(u64, u64)> {
        let Some(expires_at) = self.expires_at else { return Vec::new() };
        self.messages(channel).into_iter().step_by(2).map(|message| (message, expires_at)).collect()
    }

    /// A page that begins at the first message of the channel covers from 0 on.
    fn covered(&self, channel: u64) -> (u64, u64) {
        let first = channel * 1_000 + self.first;
        (if self.first == 0 { 0 } else { first }, first + self.length)
    }

    fn of(&self, channel: u64) -> ScanPage {
        let clips: Vec<_> = self.clips(channel).into_iter().map(|(message, end)| clip(message, end)).collect();
        let (first, last) = self.covered(channel);
        ScanPage::new(interval(first, last), ids(self.messages(channel))).with_clips(clips)
    }
}

fn message() -> impl Strategy<Value = u64> {
    (channel(), 0..55_u64).prop_map(|(channel, id)| channel * 1_000 + id)
}

impl PageCall {
    pub fn any(claim: impl Strategy<Value = usize>) -> impl Strategy<Value = Self> {
        let live = (channel(), option::of(0..20_u64), Page::any());
        prop_oneof![
            12 => (claim, Page::any()).prop_map(|(claim, page)| Self::Record(claim, page)),
            4 => live.prop_map(|(channel, since, page)| Self::Live(channel, since, page)),
            1 => message().prop_map(|message| Self::Cursor(message / 1_000, message)),
            3 => (channel(), vec(0..55_u64, 1..4)).prop_map(|(channel, ids)| {
                Self::Delete(channel, ids.into_iter().map(|id| channel * 1_000 + id).collect())
            }),
            2 => (message(), 1_000_000..1_000_008_u64).prop_map(|(message, end)| Self::Refresh(message, end)),
            2 => (1..4_u64).prop_map(Self::List),
            2 => (1..4_u64).prop_map(Self::States),
        ]
    }

    pub async fn on_database(&self, db: &TestDatabase, names: &Names) -> String {
        match self {
            Self::Record(n, page) => {
                let Some(claim) = names.claims.get(*n) else { return "Lost".into() };
                let page = page.of(claim.channel_id.get());
                match db::record_scan_page(&**db, claim, &page).await.unwrap() {
                    RecordedScanPage::Lost => "Lost".into(),
                    RecordedScanPage::Recorded(recorded) => {
                        let (run, is_canceled) = (recorded.progress, recorded.is_cancel_requested);
                        let counts = (recorded.new_messages, recorded.new_clips);
                        format!("{counts:?} {} {} {is_canceled}", run.messages_scanned, run.messages_matched)
                    }
                }
            }
            Self::Live(channel, before, page) => {
                let last = *page.messages(*channel).last().expect("there is one");
                let since = before.map(|before| (last - before).into());
                let live = db::record_live_messages(&**db, (*channel).into(), since, &page.of(*channel)).await;
                let live = live.unwrap().expect("the channel is stored");
                format!("{:?}", (live.new_messages, live.new_clips))
            }
            Self::Cursor(channel, to) => {
                let moved = db::update_channel_progress(&**db, (*channel).into(), (*to).into(), 0).await;
                moved.unwrap().to_string()
            }
            Self::Delete(channel, messages) => {
                let messages = ids(messages.iter().copied());
                db::delete_messages(&**db, (*channel).into(), &messages).await.unwrap().to_string()
            }
            Self::Refresh(message, end) => {
                let url = format!("https://cdn/new?ex={end:x}");
                db::refresh_clip_url(&**db, (message * 10).into(), &url).await.unwrap().to_string()
            }
            Self::List(guild) => {
                let page = db::get_clips(&**db, &ClipFilter::new((*guild).into()), None, 1_000).await.unwrap();
                let end = |clip: &clip_saver_db::Clip| clip.url_expires_at.map(|end| end.timestamp());
                let clips = page.clips.iter().map(|clip| (clip.message_id.get(), end(clip).unwrap_or_default()));
                format!("{:?}", clips.collect::<Vec<_>>())
            }
            Self::States(guild) => {
                let states = db::get_scan_states(&**db, (*guild).into()).await.unwrap();
                let row = |state: &clip_saver_db::ScanState| {
                    let active = state.active.as_ref().map(|active| &active.status);
                    format!("{} {} {active:?}", state.message_count, state.is_reading)
                };
                states.iter().map(row).collect::<Vec<_>>().join(", ")
            }
        }
    }

    pub fn on_model(&self, model: &mut Model) -> String {
        match self {
            Self::Record(claim, page) => record(model, *claim, page),
            Self::Live(id, before, page) => {
                let messages = page.messages(*id);
                let last = *messages.last().expect("there is one");
                let unbroken = before.map_or(1..=0, |before| last - before + 1..=last);
                let channel = model.channels.get_mut(id).expect("it is stored");
                let new = channel.read.add(&messages, messages.iter().copied().chain(unbroken));
                format!("{:?}", (new, channel.store(&page.clips(*id))))
            }
            Self::Cursor(channel, to) => {
                model.channels.get_mut(channel).expect("it is stored").read.move_cursor(*to);
                "true".into()
            }
            Self::Delete(channel, messages) => {
                model.channels.get_mut(channel).expect("it is stored").delete(messages).to_string()
            }
            Self::Refresh(message, end) => {
                let clip = model.channels.values_mut().find_map(|channel| channel.clips.get_mut(message));
                let is_newer = clip.as_ref().is_some_and(|clip| *end > **clip);
                if let Some(clip) = clip {
                    *clip = (*clip).max(*end);
                }
                is_newer.to_string()
            }
            Self::List(guild) => {
                let of_guild = model.channels.values().filter(|channel| channel.guild == *guild);
                let mut clips: Vec<_> = of_guild.flat_map(|channel| channel.clips.clone()).collect();
                clips.sort_unstable_by(|one, other| other.cmp(one));
                format!("{clips:?}")
            }
            Self::States(guild) => states(model, *guild),
        }
    }
}

fn record(model: &mut Model, claim: usize, page: &Page) -> String {
    let Some((run, token)) = model.claimed(claim) else { return "Lost".into() };
    if !run.holds(token) {
        return "Lost".into();
    }
    let (id, is_canceled) = (run.channel, run.is_to_be_canceled);
    let channel = model.channels.get_mut(&id).expect("it is stored");
    let with_clips: Vec<_> = page.clips(id).into_iter().map(|(message, _)| message).collect();
    let matched = channel.read.new_ones(&with_clips);
    let (first, last) = page.covered(id);
    let new = channel.read.add(&page.messages(id), first..=last);
    let clips = channel.store(&page.clips(id));
    let (run, _) = model.claimed(claim).expect("the claim holds");
    run.scanned += new;
    run.matched += matched;
    format!("{:?} {} {} {is_canceled}", (new, clips), run.scanned, run.matched)
}

fn states(model: &Model, guild: u64) -> String {
    let channels = CHANNELS.iter().filter(|(of, _)| *of == guild).map(|(_, channel)| channel);
    let row = |id: &u64| {
        let channel = &model.channels[id];
        let status = |status| model.runs.iter().flatten().any(|run| run.channel == *id && run.status == status);
        let active = [("running", "Running"), ("queued", "Queued")].into_iter().find(|(name, _)| status(*name));
        let active = active.map_or_else(|| "None".to_owned(), |(_, shown)| format!("Some({shown})"));
        format!("{} {} {active}", channel.read.count, !channel.is_silent)
    };
    channels.map(row).collect::<Vec<_>>().join(", ")
}

impl Channel {
    /// Stores clips unless their message is deleted; returns how many are new.
    fn store(&mut self, clips: &[(u64, u64)]) -> usize {
        let mut new = 0;
        for (message, end) in clips {
            if *self.messages.entry(*message).or_default() {
                continue;
            }
            new += usize::from(!self.clips.contains_key(message));
            let stored = self.clips.entry(*message).or_default();
            *stored = (*stored).max(*end);
        }
        new
    }

    /// Returns how many clips were removed.
    fn delete(&mut self, messages: &[u64]) -> usize {
        let mut removed = 0;
        let mut uncounted = 0;
        for message in messages {
            if !self.messages.insert(*message, true).unwrap_or_default() {
                uncounted += u64::from(self.read.covered.contains(message));
            }
            removed += usize::from(self.clips.remove(message).is_some());
        }
        self.read.covered.extend(messages);
        self.read.count = self.read.count.saturating_sub(uncounted);
        removed
    }
}
