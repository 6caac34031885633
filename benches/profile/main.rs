//! Runs one operation a given number of times on one side, for a profiler. callgrind counts the same number of
//! instructions at every run, whatever else the machine does:
//!
//! ```text
//! valgrind --tool=callgrind target/release/deps/profile-… get_guild_settings ours 1000
//! ```

#[path = "../common/mod.rs"]
mod common;

use std::env::args;

use tokio::runtime::Runtime;

use common::operations::{Bench, Operation};

const USAGE: &str = "usage: profile OPERATION ours|by-hand TIMES";

struct Profile {
    runtime: Runtime,
    operation: String,
    is_ours: bool,
    times: u64,
}

impl Bench for Profile {
    fn bench(&mut self, operation: Operation, ours: impl AsyncFn(u64), by_hand: impl AsyncFn(u64)) {
        if operation.name != self.operation {
            return;
        }
        if self.is_ours {
            self.runtime.block_on(ours(self.times));
        } else {
            self.runtime.block_on(by_hand(self.times));
        }
    }
}

fn main() {
    let mut arguments = args().skip(1).filter(|argument| argument != "--bench");
    let operation = arguments.next().expect(USAGE);
    let is_ours = arguments.next().expect(USAGE) == "ours";
    let times = arguments.next().expect(USAGE).parse().expect(USAGE);
    let (_server, runtime, mut sides) = common::begin();
    sides.bench(&mut Profile { runtime, operation, is_ours, times });
}
