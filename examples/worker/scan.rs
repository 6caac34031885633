//! Scan runs: each one reads a channel from its cursor to the end of the history.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clip_saver_db::{Channel, ChannelId, Db, Error, MessageId, ScanIncrement, ScanRunId, repositories as db};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::history::{History, count};
use super::support::{progress, retrying};

pub struct Worker<'a> {
    pub db: &'a Db,
    pub stop: &'a CancellationToken,
    /// The totals of this worker's runs.
    pub total: ScanIncrement,
    history: History,
    delay: Duration,
    /// How many messages of each channel this worker or an earlier one has scanned.
    passed: HashMap<ChannelId, usize>,
    /// Channels that Discord refused; they are not asked again before the worker restarts.
    refused: HashSet<ChannelId>,
}

/// How a run ends.
enum End {
    /// The end of the history is reached.
    Complete,
    /// Discord answered with an error.
    Refused(String),
    /// Ctrl-C was pressed, or the channel is gone, or reading was turned off.
    Stopped,
}

impl<'a> Worker<'a> {
    pub fn new(db: &'a Db, stop: &'a CancellationToken, history: History, delay: Duration) -> Self {
        let (total, passed, refused) = Default::default();
        Self { db, stop, total, history, delay, passed, refused }
    }

    /// Scans a channel if its history has new messages or answers with an error.
    ///
    /// Cursor and counts are stored together: after a temporary error, a new run continues at the cursor.
    pub async fn visit(&mut self, channel: &Channel) -> Result<(), Error> {
        let id = channel.channel_id;
        self.passed.insert(id, self.history.passed(id, channel.last_message_id));
        let is_up_to_date = self.history.page(id, channel.last_message_id).is_ok_and(<[_]>::is_empty);
        if is_up_to_date || self.refused.contains(&id) {
            return Ok(());
        }
        retrying(async || self.scan(channel).await).await
    }

    async fn scan(&mut self, channel: &Channel) -> Result<(), Error> {
        let Some(run) = db::enqueue_scan_run(self.db, channel.channel_id).await? else {
            return Ok(()); // meanwhile the channel was deleted, or reading was turned off
        };
        let result = self.carry_out(run, channel).await;
        if result.is_err() {
            let _ = db::mark_scan_canceled(self.db, run).await; // the first error is reported
        }
        result
    }

    async fn carry_out(&mut self, run: ScanRunId, channel: &Channel) -> Result<(), Error> {
        if !db::mark_scan_started(self.db, run).await? {
            return Ok(()); // another worker has it
        }
        let is_finished = match self.read_pages(run, channel).await? {
            End::Complete => db::mark_scan_succeeded(self.db, run).await?,
            End::Stopped => db::mark_scan_canceled(self.db, run).await?,
            End::Refused(reason) => {
                warn!(channel = %channel.channel_id, %reason, "cannot read the history");
                self.refused.insert(channel.channel_id);
                db::mark_scan_failed(self.db, run, &reason).await?
            }
        };
        if !is_finished {
            info!(channel = %channel.channel_id, %run, "the run is gone, or somebody else finished it");
        }
        Ok(())
    }

    async fn read_pages(&mut self, run: ScanRunId, channel: &Channel) -> Result<End, Error> {
        let id = channel.channel_id;
        let mut cursor = db::get_scan_run(self.db, run).await?.and_then(|run| run.after_message_id);
        loop {
            let page = match self.history.page(id, cursor) {
                Ok(page) => page,
                Err(refusal) => return Ok(End::Refused(refusal.to_string())),
            };
            let Some(last) = page.last().map(|message| message.id) else { return Ok(End::Complete) };
            if self.stop.is_cancelled() {
                return Ok(End::Stopped);
            }
            let increment = count(page);
            if !store_page(self.db, run, id, last, increment).await? {
                return Ok(End::Stopped);
            }
            cursor = Some(last);
            self.report(channel, cursor, increment);
            self.stop.run_until_cancelled(sleep(self.delay)).await; // Discord limits the rate of requests
        }
    }

    fn report(&mut self, channel: &Channel, cursor: Option<MessageId>, increment: ScanIncrement) {
        self.total.scanned += increment.scanned;
        self.total.matched += increment.matched;
        self.passed.insert(channel.channel_id, self.history.passed(channel.channel_id, cursor));
        let name = channel.name.as_deref().unwrap_or("(unnamed)");
        progress(self.passed.values().sum(), Some(self.history.len()), name);
    }
}

/// Stores a page; returns whether to read the next one.
///
/// A page counts once, however often it is sent. So it is sent again even if it may have been stored.
async fn store_page(
    database: &Db,
    run: ScanRunId,
    channel: ChannelId,
    last: MessageId,
    increment: ScanIncrement,
) -> Result<bool, Error> {
    let progress = retrying(async || db::record_scan_progress(database, run, channel, last, increment).await).await?;
    let channel = retrying(async || db::get_channel(database, channel).await).await?;
    Ok(progress.is_some() && channel.is_some_and(|channel| channel.is_reading))
}
