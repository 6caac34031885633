//! What the sessions of a pool share about their server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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
    pub(super) fn breaks(&self) {
        self.server.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of breaks, if this session was not tested since the last one.
    pub(super) fn untested_breaks(&self) -> Option<u64> {
        let breaks = self.server.breaks.load(Ordering::Relaxed);
        (self.survived.load(Ordering::Relaxed) != breaks).then_some(breaks)
    }

    pub(super) fn survives(&self, breaks: u64) {
        self.survived.store(breaks, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.server.epoch.load(Ordering::Relaxed) != self.own
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
