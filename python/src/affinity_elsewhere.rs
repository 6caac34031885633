//! Where the system offers no choice of cores, as macOS: threads run where the system puts them.

/// Where the runtime's thread runs, elsewhere.
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

#[expect(clippy::unused_self, reason = "as where there is a choice")]
impl Affinity {
    pub fn of_this_thread() -> Self {
        Self
    }

    pub fn follow_caller(&mut self) {}

    pub fn release(&mut self) {}
}
