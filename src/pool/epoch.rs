//! What the sessions of a pool know together about their server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sessions of one epoch lead to one server. It ends for all of them when one finds that this server is no primary any more,
/// is gone, or gives nobody an answer.
#[derive(Clone)]
pub(super) struct Epoch {
    own: u64,
    server: Arc<Server>,
}

/// What the sessions of a pool know together of their server.
#[derive(Default)]
pub(super) struct Server {
    epoch: AtomicU64,
    answers: AtomicU64,
    /// The place of the host that is asked first for a session.
    first_host: AtomicUsize,
}

impl Server {
    /// The epoch that a session begins in.
    pub(super) fn epoch(self: &Arc<Self>) -> Epoch {
        Epoch { own: self.epochs(), server: self.clone() }
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
    /// Of many sessions that find the same, the first one ends the epoch.
    pub(super) fn ends(&self) -> bool {
        self.server.epoch.compare_exchange(self.own, self.own + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The same, and another host is asked first from now on, if there is one: this one takes connections, and is no use.
    pub(super) fn moves_on(&self) {
        if self.ends() {
            self.server.first_host.fetch_add(1, Ordering::Relaxed);
        }
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
