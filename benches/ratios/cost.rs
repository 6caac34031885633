//! What a stretch of work costs this process.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Turns that a round takes, so that both sides meet the same weather.
const TURNS: u64 = 8;

/// Time that passed, and time that a core worked for this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
}

impl Cost {
    async fn of(work: impl Future<Output = ()>) -> Self {
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

/// Both sides, the same number of times.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    pub ours: Cost,
    pub by_hand: Cost,
}

impl Round {
    /// Runs both by turns; who begins changes.
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

    /// How much longer ours takes than by hand.
    pub fn wall(&self) -> f64 {
        self.ours.wall.as_secs_f64() / self.by_hand.wall.as_secs_f64()
    }

    /// How much more of a core ours takes.
    pub fn cpu(&self) -> f64 {
        self.ours.cpu.as_secs_f64() / self.by_hand.cpu.as_secs_f64()
    }
}
