//! The bot beside the worker processes of `scans.rs`: posts messages and records them as they come, removes some, and requests
//! scans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, MessageId, MessageInterval, ScanPage, ScanRequest, repositories as db};
use tokio::time::sleep;

use crate::scan_source::{Source, with_clips};
use crate::scan_worker::pause_after;

/// The pause between two events.
const PAUSE: Duration = Duration::from_millis(20);

/// Makes a call until it succeeds. Only errors that may pass are expected.
macro_rules! until_stored {
    ($call:expr) => {
        loop {
            match $call.await {
                Ok(stored) => break stored,
                Err(error) => pause_after(&error).await,
            }
        }
    };
}

/// The bot, and what it has done.
pub struct Bot {
    db: Db,
    source: Arc<Source>,
    /// Their ids go from 1 to this one.
    channels: u64,
    /// The last message that this session has seen of each channel.
    seen: BTreeMap<u64, MessageId>,
    pub posted: usize,
    pub deleted: usize,
}

impl Bot {
    pub fn new(db: Db, source: Arc<Source>, channels: u64) -> Self {
        Self { db, source, channels, seen: BTreeMap::new(), posted: 0, deleted: 0 }
    }

    /// Goes on until it is over.
    pub async fn run(mut self, is_over: Arc<AtomicBool>) -> Self {
        while !is_over.load(Ordering::Relaxed) {
            let channel = rand::random_range(1..=self.channels);
            match rand::random_range(0..10) {
                0..4 => self.record_live(channel).await,
                4..7 => self.delete(channel).await,
                7 => self.reconnect(channel),
                _ => request(&self.db, channel).await,
            }
            sleep(PAUSE).await;
        }
        self
    }

    async fn record_live(&mut self, channel: u64) {
        let ids = self.source.post(channel, rand::random_range(1..4));
        self.posted += ids.len();
        let since = self.seen.insert(channel, *ids.last().expect("one was posted"));
        let clips = with_clips(&ids);
        let covered = MessageInterval::new(ids[0], ids[ids.len() - 1]);
        let page = ScanPage::new(covered, ids).with_clips(clips);
        let recorded = until_stored!(db::record_live_messages(&self.db, channel.into(), since, &page));
        assert!(recorded.is_some(), "the channel is stored");
    }

    /// Records the deletion before the messages vanish: else they might vanish uncounted.
    async fn delete(&mut self, channel: u64) {
        let doomed = self.source.some_of(channel, rand::random_range(1..6));
        until_stored!(db::delete_messages(&self.db, channel.into(), &doomed));
        self.source.remove(channel, &doomed);
        self.deleted += doomed.iter().collect::<BTreeSet<_>>().len();
    }

    /// The gateway's session breaks: the bot misses messages, and does not know what it has seen.
    fn reconnect(&mut self, channel: u64) {
        self.posted += self.source.post(channel, rand::random_range(1..4)).len();
        self.seen.clear();
    }
}

/// Requests a scan of a channel.
pub async fn request(db: &Db, channel: u64) {
    until_stored!(db::request_scan(db, channel.into(), &ScanRequest::new()));
}
