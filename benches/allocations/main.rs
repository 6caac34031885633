//! How often each operation allocates, and how many bytes, through this crate and by hand. Both sides include what the
//! driver and its connection's task allocate: everything runs on one thread, and nothing else runs meanwhile.
//!
//! Unlike times, these numbers hardly change between runs.

#[path = "../common/mod.rs"]
mod common;

use std::alloc::System;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;

use common::numbers::{float, whole};
use common::operations::{Bench, Operation};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Enough runs for every connection of a pool to prepare the statement, and for buffers to reach their size.
const WARM_UP: u64 = 10;

/// The most runs that are counted; fewer if an operation takes long.
const MOST: u64 = 200;

/// The time for all runs of an operation on one side.
const PATIENCE: Duration = Duration::from_millis(500);

struct Allocations {
    runtime: Runtime,
    table: String,
}

impl Bench for Allocations {
    fn bench(&mut self, operation: Operation, ours: impl AsyncFn(u64), by_hand: impl AsyncFn(u64)) {
        let (ours, by_hand) = self.runtime.block_on(async { (Asked::by(&ours).await, Asked::by(&by_hand).await) });
        let (name, counts, bytes) = (operation.name, [ours.often, by_hand.often], [ours.bytes, by_hand.bytes]);
        let [counts, bytes] = [counts, bytes].map(|[ours, by_hand]| format!("{} | {}", whole(ours), whole(by_hand)));
        writeln!(self.table, "| {name} | {counts} | {bytes} |").expect("a string takes everything");
    }
}

/// The allocations and bytes of one run of an operation.
struct Asked {
    often: f64,
    bytes: f64,
}

impl Asked {
    async fn by(operation: &impl AsyncFn(u64)) -> Self {
        let times = times(operation).await;
        let region = Region::new(ALLOCATOR);
        operation(times).await;
        let change = region.change();
        let per_time = |count: usize| float(count as u64) / float(times);
        Self { often: per_time(change.allocations + change.reallocations), bytes: per_time(change.bytes_allocated) }
    }
}

/// Warms up; returns how many runs fit into `PATIENCE`.
async fn times(operation: &impl AsyncFn(u64)) -> u64 {
    operation(1).await;
    let started = Instant::now();
    operation(1).await;
    let fit = PATIENCE.as_nanos() / started.elapsed().as_nanos().max(1);
    let times = u64::try_from(fit).unwrap_or(MOST).clamp(2, MOST);
    operation(times.min(WARM_UP)).await;
    times
}

fn main() {
    let (_server, runtime, mut sides) = common::begin();
    let head = "| operation | ours | by hand | ours, bytes | by hand, bytes |\n|---|---:|---:|---:|---:|\n".to_owned();
    let mut allocations = Allocations { runtime, table: head };
    sides.bench(&mut allocations);
    println!("{}", allocations.table);
    fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/allocations.md"), allocations.table)
        .expect("the target folder is writable");
}
