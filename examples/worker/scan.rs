//! One scan run: from the channel's cursor to the end of its history.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use clip_saver_db::{Channel, ChannelId, Db, Error, MessageId, ScanIncrement, ScanRunId, ScanStatus};
use clip_saver_db::repositories as db;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::history::{History, Message, count};
use super::support::{progress, retrying};

pub struct Worker<'a> {
    pub db: &'a Db,
    pub stop: &'a CancellationToken,
    pub summary: Summary,
    history: History,
    delay: Duration,
    /// How many messages of each channel are scanned, by this worker or before.
    scanned: HashMap<ChannelId, usize>,
    /// Channels that are not asked again before the worker is started anew.
    failed: HashSet<ChannelId>,
}

/// What the runs came to.
#[derive(Default)]
pub struct Summary {
    runs: HashMap<ScanStatus, usize>,
    counted: ScanIncrement,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = |status| self.runs.get(&status).copied().unwrap_or(0);
        let [succeeded, failed, canceled] =
            [ScanStatus::Succeeded, ScanStatus::Failed, ScanStatus::Canceled].map(runs);
        write!(formatter, "summary succeeded={succeeded} failed={failed} canceled={canceled}")?;
        write!(formatter, " scanned={} matched={}", self.counted.scanned, self.counted.matched)
    }
}

/// How a run ended.
enum End {
    Done,
    Refused(String),
    /// By Ctrl-C, or because the channel is gone or no longer to be read.
    Stopped,
}

impl<'a> Worker<'a> {
    pub fn new(db: &'a Db, stop: &'a CancellationToken, history: History, delay: Duration) -> Self {
        let (summary, scanned, failed) = Default::default();
        Self { db, stop, summary, history, delay, scanned, failed }
    }

    /// Scans a channel if its history has something new.
    pub async fn visit(&mut self, channel: &Channel) -> Result<(), Error> {
        let id = channel.channel_id;
        self.scanned.insert(id, self.history.passed(id, channel.last_message_id));
        let has_nothing_new = self.history.page(id, channel.last_message_id).is_ok_and(<[_]>::is_empty);
        if has_nothing_new || self.failed.contains(&id) {
            return Ok(());
        }
        for attempt in 1.. {
            match self.scan(channel).await {
                // Counts and cursor are stored together, so a new run may simply go on from the cursor.
                Err(error) if error.is_retryable() && attempt < 5 => warn!(attempt, %error, channel = %id, "again"),
                result => return result,
            }
            sleep(Duration::from_millis(200) * attempt).await;
        }
        Ok(())
    }

    async fn scan(&mut self, channel: &Channel) -> Result<(), Error> {
        let Some(run) = db::enqueue_scan_run(self.db, channel.channel_id).await? else { return Ok(()) };
        if !db::mark_scan_started(self.db, run).await? {
            return Ok(()); // somebody else has it
        }
        match self.read_pages(channel, run).await {
            Ok(end) => self.finish(channel.channel_id, run, end).await,
            Err(error) => {
                let _ = db::mark_scan_canceled(self.db, run).await; // the first error is the one to tell
                Err(error)
            }
        }
    }

    async fn read_pages(&mut self, channel: &Channel, run: ScanRunId) -> Result<End, Error> {
        let id = channel.channel_id;
        let Some(mut cursor) = db::get_scan_run(self.db, run).await?.map(|run| run.after_message_id) else {
            return Ok(End::Stopped);
        };
        loop {
            let page = match self.history.page(id, cursor) {
                Ok(page) => page,
                Err(refusal) => return Ok(End::Refused(refusal.to_string())),
            };
            let Some(last) = page.last().map(|message| message.id) else { return Ok(End::Done) };
            let increment = count(page);
            let goes_on = store_page(self.db, id, run, last, increment).await?;
            cursor = Some(last);
            self.report(channel, last, increment);
            if self.stop.is_cancelled() || !goes_on {
                return Ok(End::Stopped);
            }
            self.stop.run_until_cancelled(sleep(self.delay)).await; // Discord limits how often one may ask
        }
    }
}
