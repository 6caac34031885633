//! Connections that short reads share: what several tasks ask travels together, and so do the answers (pipelining).
//!
//! Only reads of one row, by key. A write that waits for a row lock would hold up whoever comes behind it, and so would a
//! long answer that its reader does not fetch.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::Connection;
use super::observe::Waiting;
use super::session::Session;
use crate::config::{Config, PreparedStatements};
use crate::error::{Error, ErrorKind};

/// Connections of the pool that may be shared: half of them, so that writes find the other half, and no more than this.
const MOST: usize = 4;

/// Reads under way for each connection that may be shared.
const DEPTH: usize = 32;

/// How long a connection may give no answer at all before its readers go elsewhere.
const STALL_TIMEOUT: Duration = Duration::from_secs(1);

/// The connections that are shared now. Each goes back to the pool with the last of its readers.
pub(crate) struct Sharing {
    limit: usize,
    connections: Mutex<Vec<Weak<Shared>>>,
    /// One for each read that may be under way.
    permits: Arc<Semaphore>,
    /// Tells those who wait for a connection that there is one to share.
    opened: Notify,
}

impl Sharing {
    /// Without prepared statements each call is a transaction, and needs a connection of its own.
    pub(crate) fn of(config: &Config) -> Self {
        let is_allowed = config.prepared_statements != PreparedStatements::Off;
        let limit = if is_allowed { (config.pool_max / 2).min(MOST) } else { 0 };
        let permits = Arc::new(Semaphore::new(limit * DEPTH));
        Self { limit, connections: Mutex::default(), permits, opened: Notify::new() }
    }

    /// A permit to read, in the order of the callers; `None` if this pool is too small to share some of it.
    pub(crate) async fn permit(
        &self,
        patience: Duration,
        waiting: &Waiting,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if self.limit == 0 {
            return Ok(None);
        }
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(Some(permit));
        }
        let _waiter = waiting.one();
        let permit = timeout(patience, self.permits.clone().acquire_owned()).await;
        permit.map_err(|_| Error::new(ErrorKind::PoolTimeout))?.map(Some).map_err(|_| Error::new(ErrorKind::Closed))
    }

    /// The connection with the fewest readers, and whether there may be one more connection.
    pub(crate) fn least_loaded(&self) -> (Option<Arc<Shared>>, bool) {
        self.least_loaded_of(&mut self.lock())
    }

    fn least_loaded_of(&self, connections: &mut Vec<Weak<Shared>>) -> (Option<Arc<Shared>>, bool) {
        connections.retain(|connection| connection.strong_count() > 0);
        let open = connections.iter().filter_map(Weak::upgrade).filter(|shared| shared.is_open());
        (open.min_by_key(Arc::strong_count), connections.len() < self.limit)
    }

    /// Shares one more, and says that its reader is the first. If others were faster, it goes back to the pool, and there
    /// is the least loaded of theirs, or none.
    pub(crate) fn add(&self, connection: Connection) -> Option<(Arc<Shared>, bool)> {
        let mut connections = self.lock();
        let (shared, may_be_more) = self.least_loaded_of(&mut connections);
        if !may_be_more {
            return shared.map(|shared| (shared, false));
        }
        let shared = Arc::new(Shared { connection, answers: AtomicU64::new(0), is_stalled: AtomicBool::new(false) });
        connections.push(Arc::downgrade(&shared));
        self.opened.notify_waiters();
        Some((shared, true))
    }

    /// Until somebody shares one more.
    pub(crate) fn opened(&self) -> Notified<'_> {
        self.opened.notified()
    }

    /// From now on nobody gets a permit.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Shared>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with its readers.
pub(crate) struct Shared {
    connection: Connection,
    answers: AtomicU64,
    is_stalled: AtomicBool,
}

impl Shared {
    fn is_open(&self) -> bool {
        !self.is_stalled.load(Ordering::Relaxed) && !self.connection.session().is_spent()
    }
}

/// A reader's place on a shared connection.
pub(crate) struct Place {
    pub(crate) shared: Arc<Shared>,
    /// Nobody was there before: there is nobody to wait for.
    pub(crate) is_first: bool,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn session(&self) -> &Session {
        self.shared.connection.session()
    }

    /// What a read on this connection gives; `None` if the connection broke, or gives nobody an answer any more: a read
    /// may be sent again elsewhere.
    pub(crate) async fn answer<T>(
        &self,
        mut read: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Option<Result<T, Error>> {
        let Shared { answers, is_stalled, .. } = &*self.shared;
        loop {
            let before = answers.load(Ordering::Relaxed);
            let answer =
                if self.is_first { Ok(read.as_mut().await) } else { timeout(STALL_TIMEOUT, read.as_mut()).await };
            match answer {
                Ok(Err(_)) if self.session().has_failed() => return None,
                Ok(result) => {
                    answers.fetch_add(1, Ordering::Relaxed);
                    return Some(result);
                }
                // Once the pool is closed, there is nowhere else to go.
                Err(_) if answers.load(Ordering::Relaxed) == before && !self.permit.semaphore().is_closed() => {
                    is_stalled.store(true, Ordering::Relaxed);
                    return None;
                }
                Err(_) => {}
            }
        }
    }
}
