//! The demo: runs the bot and the worker at the same time on the sample data, then shows what they stored.
//!
//! Run `./dev demo`, which also starts a throwaway server. Or run `cargo build --examples` and
//! `DATABASE_URL=postgresql://… cargo run --example demo`.

mod children;
mod meter;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use children::Child;
use indicatif::MultiProgress;
use meter::Meter;
use support::{Failure, with_database};
use tokio_util::sync::CancellationToken;
use tracing::Level;

const GATEWAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/gateway.jsonl");

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::WARN);
    let demo = with_database(async |db, stop| {
        run_both(stop).await?;
        if !stop.is_cancelled() {
            report::show(db).await?;
        }
        Ok(())
    });
    support::exit_code(demo.await)
}

/// When the bot ends, the worker's stdin is closed; then the worker ends.
async fn run_both(stop: &CancellationToken) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let mut bot = Child::start("bot", &[GATEWAY], "3", Meter::new("bot", "events", &bars))?;
    let mut worker = Child::start("worker", &[], "25", Meter::new("worker", "messages", &bars))?;
    let worker_input = worker.input();
    let bot = async {
        let result = bot.follow(stop).await;
        drop(worker_input);
        result
    };
    let (bot, worker) = tokio::join!(bot, worker.follow(stop));
    bot.and(worker)
}
