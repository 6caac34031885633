//! What the sessions of a pool know together about their server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sessions of one epoch lead to one server. It ends for all of them when the server takes no writes any more, or answers
/// nobody: facts about the server. A connection that just ends is a fact about that one; the others are tested before
/// they are used again.
#[derive(Default)]
pub(crate) struct Epoch {
    own: u64,
    /// The breaks of other connections that this session is known to have survived.
    survived: AtomicU64,
    server: Arc<Server>,
}

/// What the sessions of a pool know together of their server.
#[derive(Default)]
pub(super) struct Server {
    epoch: AtomicU64,
    answers: AtomicU64,
    /// How many connections have ended without a report.
    breaks: AtomicU64,
    /// The place of the host that is asked first for a session.
    first_host: AtomicUsize,
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

    /// The place of the host that is asked first for a session.
    pub(super) fn first_host(&self) -> usize {
        self.first_host.load(Ordering::Relaxed)
    }

    /// From now on this host is asked first.
    pub(super) fn prefer(&self, host: usize) {
        self.first_host.store(host, Ordering::Relaxed);
    }
}

impl Epoch {
    /// Ends the epoch; of many sessions that find the same, the first one does. Another host is asked first from now on, if
    /// there is one: this one takes connections, and is no use.
    pub(super) fn moves_on(&self) {
        let epoch = &self.server.epoch;
        if epoch.compare_exchange(self.own, self.own + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.server.first_host.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection has ended without a report: it may be the only one, or the first of all.
    pub(super) fn breaks(&self) {
        self.server.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections have broken, if this one was not tested since.
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

    pub(super) fn answered(&self) {
        self.server.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers all sessions have got.
    pub(super) fn answers(&self) -> u64 {
        self.server.answers.load(Ordering::Relaxed)
    }
}
