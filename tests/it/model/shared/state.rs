//! The rows of the model: runs in the order of their requests, and channels with what was read of them.

use std::collections::BTreeMap;

use super::calls::Names;
use crate::properties::scan_pages::Expected;
use crate::support::TestDatabase;
use crate::support::scans::{count_and_cursor, coverage, run_is};

/// Guild and channel. A channel's messages have a thousand times its number, and more.
pub const CHANNELS: [(u64, u64); 3] = [(1, 10), (1, 11), (2, 20)];

#[derive(Debug, Clone, Default)]
pub struct Run {
    pub channel: u64,
    pub after: Option<u64>,
    pub status: &'static str,
    pub token: i64,
    pub attempts: u32,
    pub is_delayed: bool,
    pub has_expired: bool,
    pub is_to_be_canceled: bool,
    pub error: String,
    pub scanned: u64,
    pub matched: u64,
}

impl Run {
    pub fn is_active(&self) -> bool {
        matches!(self.status, "queued" | "running")
    }

    pub fn holds(&self, token: i64) -> bool {
        self.status == "running" && self.token == token && !self.has_expired
    }
}

#[derive(Default)]
pub struct Channel {
    pub guild: u64,
    pub is_silent: bool,
    pub read: Expected,
    /// The messages that hold clips, and the tombstones: those that are deleted.
    pub messages: BTreeMap<u64, bool>,
    /// The clips by message, and when their URLs expire.
    pub clips: BTreeMap<u64, u64>,
}

pub struct Model {
    /// `None`: purged.
    pub runs: Vec<Option<Run>>,
    /// Each claim: its run and token.
    pub claims: Vec<(usize, i64)>,
    pub channels: BTreeMap<u64, Channel>,
}

impl Model {
    pub fn new() -> Self {
        let channel = |(guild, id)| (id, Channel { guild, ..Channel::default() });
        Self { runs: Vec::new(), claims: Vec::new(), channels: CHANNELS.into_iter().map(channel).collect() }
    }

    /// The run of a claim, if the token is still its last.
    pub fn claimed(&mut self, claim: usize) -> Option<(&mut Run, i64)> {
        let (run, token) = *self.claims.get(claim)?;
        Some((self.runs[run].as_mut().filter(|run| run.token == token)?, token))
    }

    /// What is stored, one line for each run and channel.
    pub fn rows(&self) -> Vec<String> {
        let runs = self.runs.iter().flatten().map(|run| {
            let Run { status, token, attempts, error, scanned, matched, .. } = run;
            format!("{status} {token} {attempts} {error} {scanned} {matched}")
        });
        let channels = self.channels.values().map(|channel| {
            let Expected { cursor, count, .. } = channel.read;
            format!("{count} {cursor:?} {:?}", channel.read.intervals())
        });
        runs.chain(channels).collect()
    }
}

/// The same rows of the database.
pub async fn stored(database: &TestDatabase, names: &Names) -> Vec<String> {
    let mut rows = Vec::new();
    for run in &names.runs {
        let columns = "status, claim_token, attempts, error_message, messages_scanned, messages_matched";
        if database.value(&format!("select 1 from bot_channel_scan_runs where id = '{run}'")).await.is_some() {
            rows.push(run_is(database, *run, columns).await);
        }
    }
    for (_, channel) in CHANNELS {
        let (count, cursor) = count_and_cursor(database, channel.into()).await;
        rows.push(format!("{count} {cursor:?} {:?}", coverage(database, channel.into()).await));
    }
    rows
}
