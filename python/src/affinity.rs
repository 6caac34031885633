//! While one call runs at a time, the runtime's thread runs on the core of the event loop's thread. They take turns then: the loop
//! hands the call over and waits. To wake a thread whose core sleeps takes several times as long as all the rest of the way from
//! Python to the facade and back. Several calls keep both threads at work at once, on cores of their own.

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Where the runtime's thread runs.
pub struct Affinity {
    thread: Pid,
    /// Its cores while it follows nobody.
    own: Cores,
    /// The one that it is kept on.
    core: Option<usize>,
}

/// Where a thread may run.
#[derive(Clone, Copy)]
pub struct Cores(CpuSet);

impl Cores {
    pub fn of_this_thread() -> Self {
        Self(sched_getaffinity(None).unwrap_or_default())
    }

    /// Moves this thread there. Threads begin where the thread runs that starts them.
    pub fn use_them(self) {
        _ = sched_setaffinity(None, &self.0); // else it stays where it is
    }

    fn or(mut self, other: Self) -> Self {
        (0..CpuSet::MAX_CPU).filter(|core| other.0.is_set(*core)).for_each(|core| self.0.set(core));
        self
    }
}

impl Affinity {
    /// That of this thread.
    pub fn of_this_thread() -> Self {
        Self { thread: gettid(), own: Cores::of_this_thread(), core: None }
    }

    /// Keeps it on the core of the calling thread.
    pub fn follow_caller(&mut self) {
        let here = sched_getcpu();
        if self.core == Some(here) {
            return;
        }
        if here < CpuSet::MAX_CPU && self.moves_to(here) {
            self.core = Some(here);
        } else {
            self.release();
        }
    }

    fn moves_to(&self, core: usize) -> bool {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(Some(self.thread), &cores).is_ok()
    }

    /// Lets it run on any core.
    pub fn release(&mut self) {
        if self.core.take().is_some() {
            // Those of the caller, too: the program may run on other cores than when the thread began.
            _ = sched_setaffinity(Some(self.thread), &self.own.or(Cores::of_this_thread()).0);
        }
    }
}
