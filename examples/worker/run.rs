//! One claimed run, from its claim to its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, Error, RecordedScanPage, ScanClaim, ScanLease, repositories as db};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use twilight_model::channel::Message;

use super::gap::{self, Gap};
use super::history::{History, Place, Refusal};
use super::support::{concerns_one_row, is_temporary, progress, retrying};

/// What the tasks of this process share.
pub struct Worker {
    pub db: Db,
    pub history: History,
    pub lease: Duration,
    /// Asks the tasks to hand their runs back.
    pub stop: CancellationToken,
    /// How many messages and clips this process was the first to store.
    pub messages: AtomicU64,
    pub clips: AtomicU64,
}

/// Why reading ends.
enum End {
    /// Everything was read.
    Complete,
    /// Discord refused to return messages.
    Refused(Refusal),
    /// Ctrl-C was pressed, or somebody canceled the run.
    Stopped,
    /// Another worker has the run now.
    Lost,
}

impl Worker {
    /// Reads what the run has to read, and ends the run. What was read of it is stored, however it ends.
    pub async fn carry_out(&self, claim: ScanClaim) -> Result<(), Error> {
        let lease = ScanLease::hold(&self.db, claim, self.lease);
        let end = tokio::select! {
            end = self.read(&claim) => end,
            () = lease.lost() => Ok(End::Lost),
            () = lease.cancelled() => Ok(End::Stopped),
            () = self.stop.cancelled() => Ok(End::Stopped),
        };
        match end_run(lease, end).await {
            Ok(true) => {}
            Ok(false) => {
                info!(channel = %claim.channel_id, run = %claim.run_id, "the run has another worker, or was ended");
            }
            Err(error) if is_temporary(&error) => {
                warn!(channel = %claim.channel_id, %error, "the run is claimed again, now or when its lease expires");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn read(&self, claim: &ScanClaim) -> Result<End, Error> {
        for gap in retrying(|| gap::of(&self.db, claim)).await? {
            match self.fill(claim, gap).await? {
                End::Complete => {}
                end => return Ok(end),
            }
        }
        Ok(End::Complete)
    }

    /// Reads a gap page by page. Each page is stored with what it proves to be read, so a next worker goes on behind it.
    async fn fill(&self, claim: &ScanClaim, gap: Gap) -> Result<End, Error> {
        let mut rest = Some(gap);
        while let Some(gap) = rest {
            let messages = match self.ask(claim, gap.place()).await {
                Ok(messages) => messages,
                Err(refusal) => return Ok(End::Refused(refusal)),
            };
            let Some(page) = gap.page(messages) else { break };
            match retrying(|| db::record_scan_page(&self.db, claim, &page)).await? {
                RecordedScanPage::Lost => return Ok(End::Lost),
                RecordedScanPage::Recorded(recorded) => {
                    self.report(claim, recorded.new_messages, recorded.new_clips);
                    if recorded.is_cancel_requested {
                        return Ok(End::Stopped);
                    }
                }
            }
            rest = gap.without(page.covered);
        }
        Ok(End::Complete)
    }

    /// Asks Discord for a page. A short refusal is waited for here: the claim holds meanwhile, and no attempt is spent.
    async fn ask(&self, claim: &ScanClaim, place: Place) -> Result<&[Message], Refusal> {
        let mut server_errors = 0;
        loop {
            let refusal = match self.history.messages(claim.channel_id, place).await {
                Ok(messages) => return Ok(messages),
                Err(refusal) => refusal,
            };
            server_errors = if refusal.is_server_error() { server_errors + 1 } else { 0 };
            let Some(pause) = refusal.pause(server_errors) else { return Err(refusal) };
            info!(channel = %claim.channel_id, ?pause, "{refusal}");
            sleep(pause).await;
        }
    }

    fn report(&self, claim: &ScanClaim, messages: u64, clips: u64) {
        self.clips.fetch_add(clips, Ordering::Relaxed);
        let before = self.messages.fetch_add(messages, Ordering::Relaxed);
        progress(before + messages, None, &format!("channel {}", claim.channel_id));
    }
}

/// Tells the queue how the run ended. Returns whether the claim still held.
async fn end_run(lease: ScanLease, end: Result<End, Error>) -> Result<bool, Error> {
    let channel_id = lease.claim().channel_id;
    match end {
        Ok(End::Complete) => lease.complete().await,
        Ok(End::Stopped) => lease.release().await,
        Ok(End::Lost) => Ok(false),
        Ok(End::Refused(refusal)) => {
            let retry_at = refusal.retry_at();
            warn!(channel = %channel_id, ?retry_at, "{refusal}");
            lease.fail(&refusal.to_string(), retry_at).await
        }
        Err(error) if concerns_one_row(&error) => {
            warn!(channel = %channel_id, %error, "leaving the channel");
            lease.fail(&error.to_string(), None).await
        }
        Err(error) => Err(error), // dropping the lease hands the run back
    }
}
