//! What each operation costs through other libraries and through this crate, in comparison with hand-written tokio-postgres:
//! wall and client CPU, in the same run on the same server.
//!
//! `./dev bench peers` runs this. It prints a Markdown table to standard output, and progress to standard error. Arguments
//! select the operations whose names contain one of them.

#[path = "../../common/mod.rs"]
mod common;
#[path = "../../ratios/cost.rs"]
#[expect(dead_code, reason = "the rest compares two sides")]
mod cost;

mod check;
mod diesel_peer;
mod diesel_schema;
mod peer;
mod sea_orm_entities;
mod sea_orm_peer;
mod sides;
mod sqlx_peer;

use std::env::args;

use tokio::runtime::Runtime;

use common::operations::{Bench, Operation};
use peer::OPERATIONS;
use sides::Peers;

/// Measures the wanted ones of the operations.
struct Table {
    runtime: Runtime,
    peers: Peers,
    wanted: Vec<String>,
    rows: Vec<String>,
}

impl Bench for Table {
    fn bench(&mut self, operation: Operation, ours: impl AsyncFn(u64), by_hand: impl AsyncFn(u64)) {
        let Some((name, work)) = OPERATIONS.into_iter().find(|(name, _)| *name == operation.name) else { return };
        let is_wanted = self.wanted.is_empty() || self.wanted.iter().any(|wanted| name.contains(wanted));
        if !is_wanted {
            return;
        }
        let ratios = self.runtime.block_on(self.peers.compare(work, &ours, &by_hand));
        let cells: Vec<_> = ratios.iter().map(|[wall, cpu]| format!("{wall:.2} / {cpu:.2}")).collect();
        let row = format!("| {name} | {} |", cells.join(" | "));
        eprintln!("{row}");
        self.rows.push(row);
    }
}

fn main() {
    let wanted: Vec<String> = args().skip(1).collect();
    let (server, runtime, mut sides) = common::begin();
    let peers = runtime.block_on(Peers::connect(&server));
    let mut table = Table { runtime, peers, wanted, rows: Vec::new() };
    sides.bench(&mut table);
    let is_complete = table.rows.len() == OPERATIONS.len();
    assert!(is_complete || !table.wanted.is_empty(), "an operation has another name in benches/common/operations.rs");
    println!("| operation | ours | sqlx | diesel-async | SeaORM |\n|---|---|---|---|---|\n{}", table.rows.join("\n"));
}
