//! Where the system offers no choice of cores, as macOS: the runtime's thread runs where the system puts it.

use std::thread::ThreadId;

/// What keeps a thread on the core of another, elsewhere.
pub struct Affinity;

impl Affinity {
    pub fn of_this_thread(_leader: ThreadId) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as where there is a choice")]
    pub fn follow_this_thread(&mut self) {}
}
