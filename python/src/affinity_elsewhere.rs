//! Where the system offers no choice of cores, as macOS: the runtime's thread runs where the system puts it.

/// What keeps one thread on the core of another, elsewhere.
pub struct Affinity;

/// Where a thread may run.
#[derive(Clone, Copy)]
pub struct Cores;

impl Cores {
    pub fn of_this_thread() -> Self {
        Self
    }

    pub fn use_them(self) {}
}

impl Affinity {
    pub fn of_this_thread() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as where there is a choice")]
    pub fn follow_this_thread(&mut self) {}
}
