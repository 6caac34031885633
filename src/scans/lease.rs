//! A guard that keeps a claim alive, so that a worker thinks of its lease only when it is lost.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::{Either, select};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use crate::error::{Error, ErrorKind};
use crate::pool::db::Db;
use crate::repositories::{complete_scan, fail_scan, release_scan, renew_scan_lease};
use crate::types::scans::{LeaseState, ScanClaim};

/// How many times a claim is renewed in the time of its lease.
const RENEWALS: u32 = 3;

/// The longest pause after a renewal that failed. Half of it is random: workers that lost one server try at different moments.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Keeps a claim alive: renews it at a third of its lease, in a task of its own, until it is ended, dropped or lost.
///
/// A renewal that fails is tried again until the lease is over: a database that is away for less than the lease costs no claim.
/// Whatever this guard says, the database has the last word: who has lost a claim is told so by each write, and stores nothing.
///
/// Dropping the guard hands the run back to the queue, as [`release`](Self::release) does, in the background:
/// [`close_db`](crate::close_db) waits for it. If its runtime ends first, the run is taken over when the lease expires.
///
/// ```no_run
/// use std::time::Duration;
///
/// use clip_saver_db::{Db, RecordedScanPage, ScanClaim, ScanLease, ScanPage, repositories as db};
///
/// # async fn next_page(claim: &ScanClaim) -> Option<ScanPage> { None }
/// # async fn scan(database: &Db, claim: ScanClaim) -> Result<(), clip_saver_db::Error> {
/// let lease = ScanLease::hold(database, claim, Duration::from_secs(30));
/// while let Some(page) = next_page(lease.claim()).await {
///     match db::record_scan_page(database, lease.claim(), &page).await? {
///         RecordedScanPage::Lost => return Ok(()), // another worker has the run
///         RecordedScanPage::Recorded(_) if lease.is_cancel_requested() => return lease.release().await.map(drop),
///         RecordedScanPage::Recorded(_) => {}
///     }
/// }
/// lease.complete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping it hands the run back"]
pub struct ScanLease {
    db: Db,
    claim: ScanClaim,
    state: watch::Receiver<State>,
    /// Ends the renewals, also while somebody waits for `lost` or `cancelled`.
    _renewals: DropGuard,
    /// The run needs no release any more.
    has_ended: bool,
}

/// What the renewals have found out.
#[derive(Debug)]
struct State {
    /// When the claim is lost if it is not renewed.
    ends: Instant,
    is_lost: bool,
    is_cancel_requested: bool,
}

impl ScanLease {
    /// Begins to renew a claim. Call this at once after `claim_scan_runs`, in a Tokio runtime, with the lease of that call: until
    /// the first renewal the claim is taken to last that long from now.
    pub fn hold(db: &Db, claim: ScanClaim, lease: Duration) -> Self {
        let now = Instant::now();
        let ends = now.checked_add(lease).unwrap_or(now);
        let (sender, state) = watch::channel(State { ends, is_lost: false, is_cancel_requested: false });
        let end = CancellationToken::new();
        tokio::spawn(Renewals { db: db.clone(), claim, lease, state: sender, end: end.clone() }.run());
        Self { db: db.clone(), claim, state, _renewals: end.drop_guard(), has_ended: false }
    }

    /// The claim, for calls of its run.
    #[must_use]
    pub const fn claim(&self) -> &ScanClaim {
        &self.claim
    }

    /// Completes when somebody has asked to cancel the run. Then hand it back with [`release`](Self::release). Never completes if
    /// that did not happen before the guard was ended or dropped, or the claim lost.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.clone();
        async move {
            if state.wait_for(|state| state.is_cancel_requested).await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Whether somebody has asked to cancel the run, as far as renewals have told.
    #[must_use]
    pub fn is_cancel_requested(&self) -> bool {
        self.state.borrow().is_cancel_requested
    }

    /// Completes when the claim is lost: the database said so, or no renewal succeeded for the whole lease, counted by the
    /// monotonic clock from the moment when the last successful one was sent. Another worker may have the run now: stop. Completes
    /// also once the guard was ended or dropped: then nobody renews the claim any more.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.clone();
        async move { _ = state.wait_for(|state| state.is_lost).await }
    }

    /// Whether the claim is lost. In a process that stood still for its whole lease, the answer is right at once.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let state = self.state.borrow();
        state.is_lost || state.ends <= Instant::now()
    }

    /// Ends the run as succeeded: see [`complete_scan`](crate::repositories::complete_scan). Returns whether the claim still
    /// held.
    ///
    /// # Errors
    /// As `complete_scan`. Then the run is handed back, in the background: what was read of it need not be read again.
    pub async fn complete(mut self) -> Result<bool, Error> {
        let completed = complete_scan(&self.db, &self.claim).await;
        self.has_ended = completed.is_ok();
        completed
    }

    /// Ends the run as failed or, with `retry_at`, puts it back into the queue until that time: see
    /// [`fail_scan`](crate::repositories::fail_scan). Returns whether the claim still held.
    ///
    /// # Errors
    /// As `fail_scan`. Then the run is not handed back, so that it does not fail again and again: it is taken over when its lease
    /// expires.
    pub async fn fail(mut self, reason: &str, retry_at: Option<DateTime<Utc>>) -> Result<bool, Error> {
        self.has_ended = true;
        fail_scan(&self.db, &self.claim, reason, retry_at).await
    }

    /// Hands the run back to the queue, or cancels it if that was asked for: see
    /// [`release_scan`](crate::repositories::release_scan). Returns whether the claim still held.
    ///
    /// # Errors
    /// As `release_scan`. Then it is tried once more, in the background.
    pub async fn release(mut self) -> Result<bool, Error> {
        let released = release_scan(&self.db, &self.claim).await;
        self.has_ended = released.is_ok();
        released
    }
}

impl Drop for ScanLease {
    fn drop(&mut self) {
        if self.has_ended || self.is_lost() {
            return;
        }
        let (db, claim, ends) = (self.db.clone(), self.claim, self.state.borrow().ends);
        self.db.spawn_before_close(async move {
            if let Ok(Err(error)) = timeout_at(ends, release_scan(&db, &claim)).await {
                debug!(%error, run = %claim.run_id, "a run could not be handed back, it waits for the end of its lease");
            }
        });
    }
}

/// Renews a claim while its guard is there.
struct Renewals {
    db: Db,
    claim: ScanClaim,
    lease: Duration,
    state: watch::Sender<State>,
    end: CancellationToken,
}

impl Renewals {
    async fn run(self) {
        let mut pause = self.lease / RENEWALS;
        while self.is_held_after(pause).await {
            pause = match self.renew().await {
                Ok(LeaseState::Lost) if self.end.is_cancelled() => return, // its worker has ended it
                Ok(LeaseState::Lost) => return self.lose("another worker took the run over, or it has ended"),
                Ok(LeaseState::Held | LeaseState::CancelRequested) => self.lease / RENEWALS,
                Err(error) => self.pause_after(&error),
            };
        }
    }

    /// Waits. Returns whether the claim is still held.
    async fn is_held_after(&self, pause: Duration) -> bool {
        let left = self.state.borrow().ends.saturating_duration_since(Instant::now());
        let (waiting, dropped) = (pin!(sleep(pause.min(left))), pin!(self.end.cancelled()));
        if let Either::Right(_) = select(waiting, dropped).await {
            return false;
        }
        let is_over = self.state.borrow().ends <= Instant::now();
        if is_over {
            self.lose("it could not be renewed in time");
        }
        !is_over
    }

    /// One attempt. It may take a third of the lease, because its connection may be silent: the next one gets another connection.
    async fn renew(&self) -> Result<LeaseState, Error> {
        let sent = Instant::now();
        let left = self.state.borrow().ends.saturating_duration_since(sent);
        let renewing = renew_scan_lease(&self.db, &self.claim, self.lease);
        let Ok(renewed) = timeout(left.min(self.lease / RENEWALS), renewing).await else {
            return Err(Error::new(ErrorKind::Canceled).with_reason("no answer in a third of the lease"));
        };
        let lease = renewed?;
        self.state.send_modify(|state| {
            if lease != LeaseState::Lost {
                state.ends = sent + self.lease;
            }
            state.is_cancel_requested |= lease == LeaseState::CancelRequested;
        });
        Ok(lease)
    }

    /// The pause after an attempt that failed.
    fn pause_after(&self, error: &Error) -> Duration {
        debug!(%error, run = %self.claim.run_id, "a claim could not be renewed, trying again");
        RETRY_PAUSE.min(self.lease / (4 * RENEWALS)).mul_f64(rand::random_range(0.5..1.0))
    }

    fn lose(&self, reason: &str) {
        warn!(run = %self.claim.run_id, reason, "a claim is lost");
        self.state.send_modify(|state| state.is_lost = true);
    }
}
