//! The runtime's thread runs on the core of the event loop's thread. They take turns: the loop hands over a call and waits. To
//! wake a thread whose core sleeps takes several times as long as all the rest of the way from Python to the facade and back.

use std::thread::{self, ThreadId};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Keeps one thread on the core of another.
pub struct Affinity {
    follower: Pid,
    /// Where the follower may run by itself.
    everywhere: CpuSet,
    leader: Leader,
}

enum Leader {
    /// The only thread that has made calls, and the core where it made the last one.
    One { thread: ThreadId, core: Option<usize> },
    /// Several threads, which may run at the same time; or the system does not let us choose a core.
    None,
}

impl Affinity {
    /// Of this thread, which is to follow the thread that is given.
    pub fn of_this_thread(leader: ThreadId) -> Self {
        let everywhere = sched_getaffinity(None);
        let leader = everywhere.as_ref().map_or(Leader::None, |_| Leader::One { thread: leader, core: None });
        Self { follower: gettid(), everywhere: everywhere.unwrap_or_default(), leader }
    }

    /// Moves the follower to the core of this thread. Once another thread than the leader calls this, the follower runs
    /// everywhere again.
    pub fn follow_this_thread(&mut self) {
        let Leader::One { thread, core } = &mut self.leader else { return };
        let here = sched_getcpu();
        if *thread != thread::current().id() {
            self.leader = Leader::None;
            _ = sched_setaffinity(Some(self.follower), &self.everywhere);
        } else if *core != Some(here) {
            *core = Some(here);
            if here >= CpuSet::MAX_CPU || sched_setaffinity(Some(self.follower), &only(here)).is_err() {
                self.leader = Leader::None;
            }
        }
    }
}

fn only(core: usize) -> CpuSet {
    let mut cores = CpuSet::new();
    cores.set(core);
    cores
}
