//! Connections that the short reads of several tasks share: their statements are sent together, and so are the answers
//! (pipelining).
//!
//! Only reads of one row by key share. A write that waits for a row lock would block the calls behind it. So would a long
//! answer that its caller does not fetch.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::Connection;
use super::observe::WaitingCalls;
use super::session::Session;
use crate::config::{Config, PreparedStatements};
use crate::error::{Error, ErrorKind};

/// How many connections may be shared. In a small pool it is half of them: writes need the other half.
const MAX_SHARED: usize = 4;

/// How many reads may run for each connection that may be shared.
const MAX_READS: usize = 32;

/// With so many reads, a connection is busy: one more would take over half of them. With fewer, more of them travel together.
const BUSY: usize = 16;

/// If a connection answers no read for this long, its reads are sent again elsewhere.
const STALL_TIMEOUT: Duration = Duration::from_secs(1);

/// The connections that are shared now. Each returns to the pool when its last read ends.
pub(crate) struct Sharing {
    limit: usize,
    connections: Mutex<Vec<Weak<Shared>>>,
    /// One for each read that may run.
    permits: Arc<Semaphore>,
    /// Wakes reads that wait for a connection when there is one to share.
    added: Notify,
}

impl Sharing {
    /// With `DB_PREPARED_STATEMENTS=off` nothing is shared: each call is a transaction.
    pub(crate) fn of(config: &Config) -> Self {
        let is_allowed = config.prepared_statements != PreparedStatements::Off;
        let limit = if is_allowed { (config.pool_max / 2).min(MAX_SHARED) } else { 0 };
        let permits = Arc::new(Semaphore::new(limit * MAX_READS));
        Self { limit, connections: Mutex::default(), permits, added: Notify::new() }
    }

    /// A permit to read, in the order of the calls; `None` if this pool shares no connections.
    pub(crate) async fn permit(
        &self,
        acquire_timeout: Duration,
        waiting: &WaitingCalls,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if self.limit == 0 {
            return Ok(None);
        }
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(Some(permit));
        }
        let _waiting = waiting.add();
        let permit = timeout(acquire_timeout, self.permits.clone().acquire_owned()).await;
        permit.map_err(|_| Error::new(ErrorKind::PoolTimeout))?.map(Some).map_err(|_| Error::new(ErrorKind::Closed))
    }

    /// The shared connection with the fewest reads, and whether one more connection may be shared.
    pub(crate) fn least_loaded(&self) -> (Option<Arc<Shared>>, bool) {
        self.least_loaded_of(&mut self.lock())
    }

    fn least_loaded_of(&self, connections: &mut Vec<Weak<Shared>>) -> (Option<Arc<Shared>>, bool) {
        connections.retain(|connection| connection.strong_count() > 0);
        let open = connections.iter().filter_map(Weak::upgrade).filter(|shared| shared.is_open());
        (open.min_by_key(Arc::strong_count), connections.len() < self.limit)
    }

    /// Shares one more connection, and returns it with `true`: its read is the first. If other tasks have shared enough
    /// meanwhile, the connection returns to the pool, and this returns the least loaded of theirs with `false`, or none.
    pub(crate) fn add(&self, connection: Connection) -> Option<(Arc<Shared>, bool)> {
        let mut connections = self.lock();
        let (shared, is_room) = self.least_loaded_of(&mut connections);
        if !is_room {
            return shared.map(|shared| (shared, false));
        }
        let shared = Arc::new(Shared { connection, answers: AtomicU64::new(0), is_stalled: AtomicBool::new(false) });
        connections.push(Arc::downgrade(&shared));
        self.added.notify_waiters();
        Some((shared, true))
    }

    /// Waits until one more connection is shared.
    pub(crate) fn added(&self) -> Notified<'_> {
        self.added.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Shared>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that reads share.
pub(crate) struct Shared {
    connection: Connection,
    /// Counts the reads that were answered.
    answers: AtomicU64,
    is_stalled: AtomicBool,
}

impl Shared {
    /// Whether one more connection would be of use. The caller holds this one, as each of its reads does.
    pub(crate) fn is_busy(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > BUSY
    }

    fn is_open(&self) -> bool {
        !self.is_stalled.load(Ordering::Relaxed) && !self.connection.session().is_spent()
    }
}

/// A shared connection that one read holds.
pub(crate) struct SharedLease {
    pub(crate) shared: Arc<Shared>,
    /// No other read was on the connection before: this one cannot be blocked by another.
    pub(crate) is_first: bool,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl SharedLease {
    pub(crate) fn session(&self) -> &Session {
        self.shared.connection.session()
    }

    /// Runs a read on this connection. `None` if the connection broke or no longer answers any read, or the statement was
    /// useless: then the read may be sent again elsewhere.
    pub(crate) async fn run<T>(
        &self,
        mut read: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Option<Result<T, Error>> {
        let Shared { connection, answers, is_stalled } = &*self.shared;
        loop {
            let before = answers.load(Ordering::Relaxed);
            let answer =
                if self.is_first { Ok(read.as_mut().await) } else { timeout(STALL_TIMEOUT, read.as_mut()).await };
            match answer {
                Ok(Err(error)) if self.session().has_failed() || error.kind() == ErrorKind::StaleStatement => {
                    return None;
                }
                Ok(result) => {
                    answers.fetch_add(1, Ordering::Relaxed);
                    return Some(result);
                }
                Err(_) if answers.load(Ordering::Relaxed) == before && !connection.is_last() => {
                    is_stalled.store(true, Ordering::Relaxed);
                    return None;
                }
                Err(_) => {}
            }
        }
    }
}
