//! `graphile_worker`, with jobs that do nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, Worker, WorkerContext, WorkerOptions,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::database::Database;
use crate::throughput::CONNECTIONS;

/// How many jobs are left to run, and the signal that none is.
static LEFT: AtomicI64 = AtomicI64::new(0);
static DONE: Notify = Notify::const_new();

/// How long completions are collected: its documentation recommends 1 to 5 ms.
const BATCH_DELAY: Duration = Duration::from_millis(1);

/// Jobs that each local queue fetches at once, and handlers that run at once, in the batched run.
const BATCH: usize = 500;

#[derive(Clone, Serialize, Deserialize)]
struct Scan {
    number: i64,
}

impl TaskHandler for Scan {
    const IDENTIFIER: &'static str = "scan";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        if LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
            DONE.notify_one();
        }
        Ok::<(), String>(())
    }
}

fn options(database: &Database) -> WorkerOptions {
    WorkerOptions::default()
        .schema("graphile_worker")
        .database_url(database.url())
        .max_pg_conn(CONNECTIONS)
        .concurrency(CONNECTIONS as usize)
        .define_job::<Scan>()
}

/// Runs the jobs one by one, as `run_once` does.
pub async fn run_once(database: &Database, jobs: i64) -> Duration {
    let worker = options(database).init().await.expect("it starts");
    enqueue(&worker, database, jobs).await;
    let started = Instant::now();
    worker.run_once().await.expect("it runs");
    let took = started.elapsed();
    assert_eq!(left(database).await, 0, "each job is completed");
    took
}

/// Runs jobs that are fetched many at a time; completes them one by one, or in batches.
pub async fn run_prefetching(database: &Database, jobs: i64, is_batched: bool) -> Duration {
    let local = LocalQueueConfig::default().with_size(if is_batched { BATCH } else { 100 });
    let mut options = options(database).poll_interval(Duration::from_millis(100));
    if is_batched {
        options = options.concurrency(BATCH).complete_job_batch_delay(BATCH_DELAY);
    }
    let local = if is_batched { local.with_queue_count(CONNECTIONS as usize) } else { local };
    let worker = Arc::new(options.local_queue(local).init().await.expect("it starts"));
    enqueue(&worker, database, jobs).await;
    let started = Instant::now();
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    DONE.notified().await;
    while left(database).await > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = started.elapsed();
    worker.request_shutdown();
    running.await.expect("it does not panic").expect("it runs");
    took
}

async fn enqueue(worker: &Worker, database: &Database, jobs: i64) {
    LEFT.store(jobs, Ordering::Relaxed);
    let (utils, spec) = (worker.create_utils(), JobSpec::default());
    let numbers: Vec<_> = (0..jobs).collect();
    for part in numbers.chunks(5_000) {
        let part: Vec<_> = part.iter().map(|number| (Scan { number: *number }, &spec)).collect();
        utils.add_jobs::<Scan>(&part).await.expect("the jobs are added");
    }
    database.execute("vacuum analyze").await;
}

/// How many jobs are stored: it deletes those that are completed.
async fn left(database: &Database) -> i64 {
    database.number("select count(*) from graphile_worker._private_jobs").await
}
