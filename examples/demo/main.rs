//! The demo: runs the bot and three workers on the sample data, kills one worker in the middle, shows what they stored, and
//! fails if that is not what the data says.
//!
//! Run `./dev demo`, which also starts a throwaway server. Or run `cargo build --examples` and
//! `DATABASE_URL=postgresql://… cargo run --example demo`. `./dev demo --python` runs the bot and the workers in Python.

mod children;
mod expected;
mod meter;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use children::{Child, Programs};
use clip_saver_db::{Db, Error, ScanQueueStats, repositories as db};
use expected::Expected;
use indicatif::MultiProgress;
use meter::Meter;
use support::{Failure, say, with_database};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Level;

const GATEWAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/gateway.jsonl");
const MESSAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/messages.jsonl");

/// Two runs at once. A short lease: the runs of the killed worker are taken over soon.
const WORKER: [&str; 4] = ["--workers", "2", "--lease", "2"];

/// Worker 1 is killed when it has stored so many messages.
const KILL_AT: u64 = 200;

/// The pause between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::WARN);
    let demo = with_database(async |db, stop| {
        let expected = Expected::load(GATEWAY.as_ref(), MESSAGES.as_ref())?;
        run_all(&Programs::read()?, db, stop, expected.messages()).await?;
        if !stop.is_cancelled() {
            report::show(db).await?;
            expected.check(db).await?;
            say("This is what the sample data says: each message counted once, each clip stored once, no deleted one.");
        }
        Ok(())
    });
    support::exit_code(demo.await)
}

/// When the bot has ended and the queue is empty, the workers are stopped as by Ctrl-C. An error of one program ends all.
async fn run_all(programs: &Programs, database: &Db, stop: &CancellationToken, messages: u64) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let worker = |name| {
        let meter = Meter::new(name, "messages", Some(messages), &bars);
        Child::start(programs, name, "worker", &WORKER, "40", meter)
    };
    let mut bot = Child::start(programs, "bot", "bot", &[GATEWAY], "3", Meter::new("bot", "events", None, &bars))?;
    let (mut first, mut second, mut third) = (worker("worker 1")?, worker("worker 2")?, worker("worker 3")?);
    let done = stop.child_token();
    let bot = async {
        bot.follow(stop, None).await?;
        until_idle(database, stop).await?;
        done.cancel();
        Ok(())
    };
    tokio::try_join!(bot, first.follow(&done, Some(KILL_AT)), second.follow(&done, None), third.follow(&done, None))?;
    Ok(())
}

/// Waits until no run is queued, delayed, or held by a worker, dead ones included.
async fn until_idle(database: &Db, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() {
        let ScanQueueStats { queued, delayed, running, expired, .. } = db::scan_queue_stats(database).await?;
        if queued + delayed + running + expired == 0 {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
