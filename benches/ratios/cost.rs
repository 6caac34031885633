//! What a piece of work costs this process.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Turns in a round, so that both sides run under the same load of the machine.
const TURNS: u64 = 8;

/// Wall time, and CPU time of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
}

impl Cost {
    /// Runs the work once.
    pub async fn of(work: impl Future<Output = ()>) -> Self {
        let (started, cpu) = (Instant::now(), ProcessTime::now());
        work.await;
        Self { wall: started.elapsed(), cpu: cpu.elapsed() }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// The cost of both sides, each run the same number of times.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    pub ours: Cost,
    pub by_hand: Cost,
}

impl Round {
    /// Runs both sides in turns; the first side alternates.
    pub async fn run(times: u64, ours: &impl AsyncFn(u64), by_hand: &impl AsyncFn(u64)) -> Self {
        let mut round = Self::default();
        let turns = times.min(TURNS);
        for turn in 0..turns {
            let share = times * (turn + 1) / turns - times * turn / turns;
            if turn % 2 == 0 {
                round.ours += Cost::of(ours(share)).await;
                round.by_hand += Cost::of(by_hand(share)).await;
            } else {
                round.by_hand += Cost::of(by_hand(share)).await;
                round.ours += Cost::of(ours(share)).await;
            }
        }
        round
    }

    /// Our wall time divided by that of the hand-written side.
    pub fn wall(&self) -> f64 {
        self.ours.wall.as_secs_f64() / self.by_hand.wall.as_secs_f64()
    }

    /// Our CPU time divided by that of the hand-written side.
    pub fn cpu(&self) -> f64 {
        self.ours.cpu.as_secs_f64() / self.by_hand.cpu.as_secs_f64()
    }
}
