//! What each operation costs in comparison with hand-written tokio-postgres, in the same run: wall and client CPU.
//!
//! Absolute times say little on a shared machine. A round runs both sides in turns and gives one ratio of each kind. The
//! table shows the medians. `./dev bench` runs this.

#[path = "../common/mod.rs"]
mod common;
mod cost;
mod table;

use criterion::{Criterion, SamplingMode};
use tokio::runtime::Runtime;

use common::operations::{Bench, Operation};
use cost::Round;
use table::Table;

/// Rounds of an operation.
const ROUNDS: usize = 25;

struct Ratios {
    criterion: Criterion,
    runtime: Runtime,
    table: Table,
}

impl Bench for Ratios {
    fn bench(&mut self, operation: Operation, ours: impl AsyncFn(u64), by_hand: impl AsyncFn(u64)) {
        let mut rounds = Vec::new();
        let mut group = self.criterion.benchmark_group("ratio");
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(&operation.name, |bencher| {
            bencher.iter_custom(|times| {
                let round = self.runtime.block_on(Round::run(times, &ours, &by_hand));
                rounds.push(round);
                round.ours.wall
            });
        });
        group.finish();
        // The rounds before these are criterion's warm-up.
        let measured = rounds.len().saturating_sub(ROUNDS);
        self.table.add(&operation, &rounds[measured..]);
    }
}

fn main() {
    let (_server, runtime, mut sides) = common::begin();
    let criterion = Criterion::default()
        .sample_size(ROUNDS)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2))
        .configure_from_args();
    let mut ratios = Ratios { criterion, runtime, table: Table::default() };
    sides.bench(&mut ratios);
    ratios.criterion.final_summary();
    ratios.table.write();
}
