//! What the sessions of a pool share about their server.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long the server is not asked for one more connection after it has refused one.
const PAUSE: Duration = Duration::from_secs(2);

/// Sessions of one epoch lead to one server. The epoch ends for all of them when the server accepts no more writes, or
/// answers no connection: facts about the server. That one connection ends is a fact about this connection only: the
/// others are tested before they are used again.
#[derive(Default)]
pub(crate) struct Epoch {
    own: u64,
    /// The value of `breaks` when this session was last known to work.
    survived: AtomicU64,
    server: Arc<Server>,
}

/// What the sessions of a pool share about their server.
#[derive(Default)]
pub(super) struct Server {
    epoch: AtomicU64,
    answers: AtomicU64,
    /// How often a connection has ended without a report, or a write was refused.
    breaks: AtomicU64,
    /// The place of the host that is tried first.
    first_host: AtomicUsize,
    /// The number of connections that are open.
    open: watch::Sender<usize>,
    /// When the server is next asked for one more connection, after it has refused one while others were open.
    next_question: Mutex<Option<Instant>>,
    /// The schema that statements are prepared for: a random number for each change that was noticed.
    schema: AtomicU64,
}

impl Server {
    /// The epoch that a session begins in.
    pub(super) fn epoch(self: &Arc<Self>) -> Epoch {
        let survived = AtomicU64::new(self.breaks.load(Ordering::Relaxed));
        Epoch { own: self.epochs(), survived, server: self.clone() }
    }

    /// How often an epoch has ended.
    pub(super) fn epochs(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The place of the host that is tried first.
    pub(super) fn first_host(&self) -> usize {
        self.first_host.load(Ordering::Relaxed)
    }

    pub(super) fn has_sessions(&self) -> bool {
        *self.open.borrow() > 0
    }

    /// Waits while another question would be useless: the server has refused one more connection a moment ago, and others are
    /// open.
    pub(super) async fn until_worth_asking(&self) {
        while let Some(moment) = self.pause() {
            let mut open = self.open.subscribe();
            _ = timeout_at(moment, open.wait_for(|count| *count == 0)).await;
        }
    }

    /// Until when to wait. `None` if the caller may ask now: the others wait for its answer.
    fn pause(&self) -> Option<Instant> {
        let mut next = self.next_question.lock().unwrap_or_else(PoisonError::into_inner);
        let (moment, now) = ((*next)?, Instant::now());
        if moment > now && self.has_sessions() {
            return Some(moment);
        }
        *next = Some(now + PAUSE);
        None
    }

    /// Notes whether the server has accepted one more connection.
    pub(super) fn was_asked(&self, is_accepted: bool) {
        let next = (!is_accepted).then(|| Instant::now() + PAUSE);
        *self.next_question.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// From now on this host is tried first.
    pub(super) fn prefer(&self, host: usize) {
        self.first_host.store(host, Ordering::Relaxed);
    }
}

impl Epoch {
    /// Ends the epoch, once, however many sessions ask for it. From now on the next host is tried first, if there is
    /// one: this one may accept connections, but is of no use.
    pub(super) fn moves_on(&self) {
        let epoch = &self.server.epoch;
        if epoch.compare_exchange(self.own, self.own + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.server.first_host.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection has ended without a report, or a write was refused: other connections may be affected, too.
    pub(super) fn note_break(&self) {
        self.server.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of breaks.
    pub(super) fn breaks(&self) -> u64 {
        self.server.breaks.load(Ordering::Relaxed)
    }

    /// Whether this session was known to work after that many breaks.
    pub(super) fn has_survived(&self, breaks: u64) -> bool {
        self.survived.load(Ordering::Relaxed) == breaks
    }

    pub(super) fn survives(&self, breaks: u64) {
        self.survived.store(breaks, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.server.epoch.load(Ordering::Relaxed) != self.own
    }

    /// Counts a connection as open until the returned value is dropped.
    pub(super) fn count_open(&self) -> Open {
        self.server.open.send_modify(|count| *count += 1);
        Open(self.server.clone())
    }

    /// The schema that statements are prepared for. 0 until a change was noticed.
    pub(super) fn schema(&self) -> u64 {
        self.server.schema.load(Ordering::Relaxed)
    }

    /// Statements that were prepared for this schema are outdated, on all sessions. The next number is random: a pooler may
    /// know the numbers that other programs have used.
    pub(super) fn schema_changed(&self, schema: u64) {
        let next = rand::random_range(1..u64::MAX);
        _ = self.server.schema.compare_exchange(schema, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.server.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many statements the server has answered on all sessions.
    pub(super) fn answers(&self) -> u64 {
        self.server.answers.load(Ordering::Relaxed)
    }
}

/// A connection that is open.
pub(super) struct Open(Arc<Server>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|count| *count -= 1);
    }
}
