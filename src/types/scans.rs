//! Scans that workers share: requests, claims, the state of the queue.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::{ChannelId, GuildId, MessageId, ScanRunId};
use super::models::{ScanProgress, ScanStatus};

/// What to scan of a channel, and when.
///
/// ```
/// use clip_saver_db::{MessageId, ScanRequest};
///
/// let everything = ScanRequest::new();
/// let urgent_gap = ScanRequest::new()
///     .with_after(MessageId::from(1000))
///     .with_before(MessageId::from(2000))
///     .with_priority(10);
/// assert!(urgent_gap.priority > everything.priority);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScanRequest {
    /// Only messages after this one; `None` means from the channel's beginning. What is covered need not be read again: see
    /// `get_scan_gaps`.
    pub after: Option<MessageId>,
    /// Only messages before this one; `None` means up to the newest.
    pub before: Option<MessageId>,
    /// Runs with a higher priority are claimed first. The default is 0.
    pub priority: i16,
    /// No worker claims it earlier; `None` means at once.
    pub not_before: Option<DateTime<Utc>>,
}

impl ScanRequest {
    /// A request to scan the whole channel, at once, with priority 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks only for messages after one.
    #[must_use]
    pub const fn with_after(mut self, after: MessageId) -> Self {
        self.after = Some(after);
        self
    }

    /// Asks only for messages before one.
    #[must_use]
    pub const fn with_before(mut self, before: MessageId) -> Self {
        self.before = Some(before);
        self
    }

    /// Sets the priority.
    #[must_use]
    pub const fn with_priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the time from which on a worker may claim it.
    #[must_use]
    pub const fn with_not_before(mut self, not_before: DateTime<Utc>) -> Self {
        self.not_before = Some(not_before);
        self
    }
}

/// The answer to a request for a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScanRequested {
    /// A new run is in the queue.
    Enqueued(ScanRunId),
    /// An equal request (same channel, `after` and `before`) made this run, which is queued or running.
    AlreadyActive(ScanRunId),
    /// The worker does not read the channel.
    NotReading,
    /// The channel is not stored.
    UnknownChannel,
}

/// A worker's hold on a run, for the time of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanClaim {
    /// The run.
    pub run_id: ScanRunId,
    /// The fencing token. It grows with every claim of the run, so whoever holds an older one has lost the run.
    pub token: i64,
    /// The channel to scan.
    pub channel_id: ChannelId,
    /// Its guild.
    pub guild_id: GuildId,
    /// Only messages after this one.
    pub after: Option<MessageId>,
    /// Only messages before this one.
    pub before: Option<MessageId>,
    /// How often the run was claimed, this time included, without the claims that were handed back.
    pub attempt: u32,
}

impl ScanClaim {
    /// The first attempt at a whole channel.
    #[must_use]
    pub const fn new(run_id: ScanRunId, token: i64, channel_id: ChannelId, guild_id: GuildId) -> Self {
        Self { run_id, token, channel_id, guild_id, after: None, before: None, attempt: 1 }
    }
}

/// How many runs a worker claims before it raises the queue's bound: a claim reads as many dead entries of the index. Each raise
/// leaves a version of the bound's row, which a claim reads, too, while an old snapshot is open.
const RAISE_INTERVAL: usize = 200;

/// A worker that claims runs: its name, and what it remembers between its calls. Make one for each process, and share it among
/// the process' tasks.
pub struct ScanWorker {
    name: String,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// The calls whose outcome is unknown: a later call returns their claims.
    unanswered: Vec<Uuid>,
    last_full_look: Option<Instant>,
    /// How many runs it claimed since it raised the queue's bound.
    claimed: usize,
}

/// How long a worker is content with what is at the head of the queue, while it finds as many runs as it asks for.
const FULL_LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl ScanWorker {
    /// A worker with a name that people recognise, such as the host's and the process id.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), memory: Mutex::default() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call. If it is dropped without an answer, the next call asks for the same claims.
    pub(crate) fn begin_call(&self) -> ClaimCall<'_> {
        let mut memory = self.memory();
        let unanswered = memory.unanswered.pop();
        let look = if memory.last_full_look.is_none_or(|last| last.elapsed() >= FULL_LOOK_INTERVAL) {
            Look::Full
        } else if unanswered.is_some() || memory.claimed >= RAISE_INTERVAL {
            Look::Further
        } else {
            Look::AtHead
        };
        let request = unanswered.unwrap_or_else(|| uuid::Builder::from_random_bytes(rand::random()).into_uuid());
        ClaimCall { worker: self, request, is_repeated: unanswered.is_some(), look, is_answered: false }
    }
}

/// The name.
impl fmt::Debug for ScanWorker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ScanWorker").field(&self.name).finish()
    }
}

/// One call that claims runs.
pub(crate) struct ClaimCall<'a> {
    worker: &'a ScanWorker,
    /// Its name in the database. A repeated call has the same.
    pub(crate) request: Uuid,
    pub(crate) is_repeated: bool,
    pub(crate) look: Look,
    is_answered: bool,
}

/// Where a call looks for runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Behind the queue's bound: the smaller statement is enough.
    AtHead,
    /// There, and it may raise the bound or repeat a call.
    Further,
    /// Everywhere: also runs whose lease has expired, delayed runs, and those before the bound.
    Full,
}

impl ClaimCall<'_> {
    /// Notes the answer. If it had fewer runs than were asked for, the next call looks everywhere.
    pub(crate) fn answer(&mut self, found: usize, limit: u32) {
        self.is_answered = true;
        let mut memory = self.worker.memory();
        memory.claimed = if self.look == Look::AtHead { memory.claimed.saturating_add(found) } else { found };
        if usize::try_from(limit).is_ok_and(|limit| found < limit) {
            memory.last_full_look = None;
        } else if self.look == Look::Full {
            memory.last_full_look = Some(Instant::now());
        }
    }
}

impl Drop for ClaimCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.worker.memory().unanswered.push(self.request);
        }
    }
}

/// Whether a claim still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// It holds until the lease's new end.
    Held,
    /// It holds until the lease's new end, and somebody asked to cancel the run: hand it back with `release_scan`.
    CancelRequested,
    /// It is lost: stop, and store nothing.
    Lost,
}

/// Whose runs are to be canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelScope<'a> {
    /// All of a guild.
    Guild(GuildId),
    /// All of these channels.
    Channels(&'a [ChannelId]),
}

/// A channel's scans.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScanState {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name.
    pub name: Option<String>,
    /// Whether the worker reads it.
    pub is_reading: bool,
    /// How many messages were counted.
    pub message_count: i64,
    /// How many intervals of its history were not read, up to the last message that was.
    pub gaps: u64,
    /// The shared run that runs, or else the oldest in the queue.
    pub active: Option<ActiveScan>,
    /// How the newest of its finished runs ended.
    pub last: Option<LastScan>,
}

impl ScanState {
    /// A channel without runs that the worker does not read.
    #[must_use]
    pub const fn new(channel_id: ChannelId) -> Self {
        Self { channel_id, name: None, is_reading: false, message_count: 0, gaps: 0, active: None, last: None }
    }
}

/// A run that is queued or running.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveScan {
    /// The run.
    pub run_id: ScanRunId,
    /// Queued or running.
    pub status: ScanStatus,
    /// The worker that claimed it last.
    pub worker: Option<String>,
    /// When its lease expires, if it is running.
    pub lease_until: Option<DateTime<Utc>>,
    /// Its totals.
    pub progress: ScanProgress,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastScan {
    /// Succeeded, failed or canceled.
    pub status: ScanStatus,
    /// When.
    pub finished_at: DateTime<Utc>,
    /// Why it failed.
    pub error_message: Option<String>,
}

/// The shared runs that are not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanQueueStats {
    /// Runs that a worker may claim now.
    pub queued: u64,
    /// Runs that are to be claimed later.
    pub delayed: u64,
    /// Runs whose worker is at work.
    pub running: u64,
    /// Runs whose lease has expired: the next claim takes them over.
    pub expired: u64,
    /// How long the oldest queued run has been waiting, to the microsecond.
    pub oldest: Option<Duration>,
}
