//! The runtime's thread runs on the core of the event loop's thread. They take turns: the loop hands over a call and waits. To
//! wake a thread whose core sleeps takes several times as long as all the rest of the way from Python to the facade and back.

use std::thread::{self, ThreadId};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Programs that have used so many threads for their event loops use several at once.
const MOST_LEADERS: u8 = 8;

/// Keeps one thread on the core of the thread that makes the calls.
pub struct Affinity {
    follower: Pid,
    /// The cores of the follower while it follows nobody.
    own: Cores,
    leader: Leader,
}

/// Where a thread may run.
#[derive(Clone, Copy)]
pub struct Cores(CpuSet);

enum Leader {
    One {
        thread: ThreadId,
        /// Where it made its last call.
        core: usize,
        /// Counts this leader and those before.
        number: u8,
    },
    /// No call has been made yet.
    Unknown,
    /// Several threads make calls, or the system does not let us choose a core.
    Nobody,
}

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
    /// Lets this thread follow.
    pub fn of_this_thread() -> Self {
        Self { follower: gettid(), own: Cores::of_this_thread(), leader: Leader::Unknown }
    }

    /// Moves the follower to the core of this thread, which makes a call.
    pub fn follow_this_thread(&mut self) {
        let (here, this) = (sched_getcpu(), thread::current().id());
        let number = match self.leader {
            Leader::Nobody => return,
            Leader::One { thread, core, .. } if thread == this && core == here => return,
            Leader::One { thread, number, .. } if thread == this => number,
            Leader::One { number, .. } => number + 1,
            Leader::Unknown => 1,
        };
        self.leader = Leader::One { thread: this, core: here, number };
        if number > MOST_LEADERS || here >= CpuSet::MAX_CPU || !self.moves_to(here) {
            self.leader = Leader::Nobody;
            // Those of this thread, too: the program may run on other cores than when the follower began.
            _ = sched_setaffinity(Some(self.follower), &self.own.or(Cores::of_this_thread()).0);
        }
    }

    fn moves_to(&self, core: usize) -> bool {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(Some(self.follower), &cores).is_ok()
    }
}
