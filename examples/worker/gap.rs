//! What a run has to read: the gaps in its channel's coverage, one page after the other.

use clip_saver_db::{Db, Error, MessageId, MessageInterval, ScanClaim, ScanPage, repositories as db};
use twilight_model::channel::Message;

use super::history::Place;
use super::support::clips::{self, message_id};

/// The largest id that the database stores.
const LARGEST: u64 = i64::MAX.cast_unsigned();

/// An interval of a channel that was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    rest: MessageInterval,
    /// Whether the message behind it was not read, either: new messages may still come into it.
    is_open: bool,
}

/// The gaps in the claimed interval, the newest first: people look for what is new.
pub async fn of(database: &Db, claim: &ScanClaim) -> Result<Vec<Gap>, Error> {
    // `before` itself is not the run's, but whether it was read tells whether the last gap is open.
    let up_to = claim.before.unwrap_or(LARGEST.into());
    let found = db::get_scan_gaps(database, claim.channel_id, up_to).await?;
    Ok(found.into_iter().rev().filter_map(|gap| Gap::of(claim, gap, up_to)).collect())
}

impl Gap {
    /// The part of a gap that belongs to the run.
    fn of(claim: &ScanClaim, gap: MessageInterval, up_to: MessageId) -> Option<Self> {
        let first = claim.after.map_or(gap.first, |after| gap.first.max(next(after)));
        let last = claim.before.map_or(gap.last, |before| gap.last.min(previous(before)));
        (first <= last).then(|| Self { rest: MessageInterval::new(first, last), is_open: gap.last == up_to })
    }

    /// Which page comes next. An open gap is read forward, so that the channel's cursor follows, and up to the newest message.
    /// The others are read backward, from a message that was read.
    pub fn place(&self) -> Place {
        if self.is_open { Place::After(previous(self.rest.first)) } else { Place::Before(next(self.rest.last)) }
    }

    /// What a page from that place proves to be read. `None` at the channel's end: after the newest message nothing is proved,
    /// because others may come.
    pub fn page(&self, messages: &[Message]) -> Option<ScanPage> {
        let MessageInterval { first, last } = self.rest;
        let ids = || messages.iter().map(message_id);
        let covered = if self.is_open {
            MessageInterval::new(first, ids().max()?.min(last))
        } else {
            MessageInterval::new(ids().min().map_or(first, |oldest| oldest.max(first)), last)
        };
        let inside = || messages.iter().filter(|message| covered.contains(message_id(message)));
        let clips: Vec<_> = inside().filter_map(clips::of).collect();
        Some(ScanPage::new(covered, inside().map(message_id)).with_clips(clips))
    }

    /// What remains behind that page.
    pub fn without(self, covered: MessageInterval) -> Option<Self> {
        let MessageInterval { first, last } = self.rest;
        let rest = if self.is_open {
            (covered.last < last).then(|| MessageInterval::new(next(covered.last), last))
        } else {
            (first < covered.first).then(|| MessageInterval::new(first, previous(covered.first)))
        };
        rest.map(|rest| Self { rest, ..self })
    }
}

fn next(id: MessageId) -> MessageId {
    id.get().saturating_add(1).into()
}

fn previous(id: MessageId) -> MessageId {
    id.get().saturating_sub(1).into()
}
