//! A worker that looks for clips: it claims scan runs, reads their channels page by page, and stores the clips.
//!
//! `DATABASE_URL=postgresql://… cargo run --example worker -- --workers 4`: sample messages stand in for Discord. Run as many
//! of these as you like: they share the queue, and if one dies, others take over its runs when their leases expire. It works
//! until Ctrl-C, which hands its runs back to the queue, or with `--until-idle` until the queue is empty.

mod gap;
mod history;
mod options;
mod run;
#[path = "../support/mod.rs"]
mod support;

use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clip_saver_db::{Db, Error, ScanQueueStats, ScanWorker, repositories as db};
use history::History;
use options::Options;
use run::Worker;
use support::{Failure, retrying, say, with_database};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::Level;

/// How often `--until-idle` looks whether other processes have ended their runs, which wakes nobody.
const IDLE_CHECK: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::INFO);
    support::exit_code(run().await)
}

async fn run() -> Result<ExitCode, Failure> {
    let options = Options::read()?;
    let history = History::load(&options.messages, &options.refusals, support::delay()?)?;
    with_database(async |db, stop| {
        let worker = Arc::new(Worker {
            db: db.clone(),
            history,
            lease: options.lease,
            stop: stop.child_token(),
            messages: AtomicU64::new(0),
            clips: AtomicU64::new(0),
        });
        let mut runs = JoinSet::new();
        let result = work(&worker, &mut runs, &options).await;
        worker.stop.cancel(); // after an error, too: the tasks hand their runs back
        while runs.join_next().await.is_some() {}
        let (messages, clips) = (worker.messages.load(Ordering::Relaxed), worker.clips.load(Ordering::Relaxed));
        say(format_args!("summary messages={messages} clips={clips}"));
        result
    })
    .await
}

type Runs = JoinSet<Result<(), Error>>;

/// Keeps as many runs going as there are workers. It sleeps until a run ends or work is enqueued.
async fn work(worker: &Arc<Worker>, runs: &mut Runs, options: &Options) -> Result<(), Failure> {
    let name = ScanWorker::new(format!("example worker {}", process::id()));
    let mut wakeups = worker.db.scan_wakeups();
    loop {
        let free = options.workers.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
        if free > 0 {
            claim(worker, &name, runs, free).await?;
            if options.until_idle && runs.is_empty() && is_idle(&worker.db).await? {
                return Ok(());
            }
        }
        tokio::select! {
            () = worker.stop.cancelled() => return Ok(()),
            Some(run) = runs.join_next() => run??,
            Some(()) = wakeups.next(), if free > 0 => {}
            () = sleep(IDLE_CHECK), if options.until_idle => {}
        }
    }
}

async fn claim(worker: &Arc<Worker>, name: &ScanWorker, runs: &mut Runs, limit: u32) -> Result<(), Error> {
    for claim in retrying(|| db::claim_scan_runs(&worker.db, name, limit, worker.lease)).await? {
        let worker = Arc::clone(worker);
        runs.spawn(async move { worker.carry_out(claim).await });
    }
    Ok(())
}

/// Whether no run is queued, delayed or held by any worker.
async fn is_idle(database: &Db) -> Result<bool, Error> {
    let stats = retrying(|| db::scan_queue_stats(database)).await?;
    let ScanQueueStats { queued, delayed, running, expired, .. } = stats;
    Ok(queued + delayed + running + expired == 0)
}
