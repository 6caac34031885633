//! `awa`, with jobs that do nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use awa::{Client, InsertOpts, JobArgs, JobResult, QueueConfig};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Notify;

use crate::database::Database;
use crate::throughput::CONNECTIONS;

/// How many jobs are left to run, and the signal that none is.
static LEFT: AtomicI64 = AtomicI64::new(0);
static DONE: Notify = Notify::const_new();

const QUEUE: &str = "scans";

#[derive(Serialize, Deserialize, JobArgs)]
struct Scan {
    number: i64,
}

/// Runs the jobs until the last handler has run. Its completions may be stored a moment later: this is in its favour.
pub async fn run(database: &Database, jobs: i64, workers: u32) -> Duration {
    // Its heartbeats and its maintenance need connections of their own: with 4 it may wait for ever.
    let options = PgPoolOptions::new().max_connections(CONNECTIONS + 4);
    let pool = options.connect(database.url()).await.expect("the server accepts connections");
    awa::migrations::run(&pool).await.expect("its tables are made");
    let config = QueueConfig { max_workers: workers, poll_interval: Duration::from_millis(50), ..Default::default() };
    let client = Client::builder(pool.clone())
        .queue(QUEUE, config)
        .register::<Scan, _, _>(|_: Scan, _| async {
            if LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
                DONE.notify_one();
            }
            Ok(JobResult::Completed)
        })
        .build()
        .expect("it is configured");
    enqueue(&pool, jobs).await;
    let started = Instant::now();
    client.start().await.expect("it starts");
    DONE.notified().await;
    let took = started.elapsed();
    client.shutdown(Duration::from_secs(10)).await;
    pool.close().await;
    took
}

async fn enqueue(pool: &sqlx::PgPool, jobs: i64) {
    LEFT.store(jobs, Ordering::Relaxed);
    let options = || InsertOpts { queue: QUEUE.into(), ..Default::default() };
    let numbers: Vec<_> = (0..jobs).collect();
    for part in numbers.chunks(5_000) {
        let part: Vec<_> = part
            .iter()
            .map(|number| awa::model::insert::params_with(&Scan { number: *number }, options()).expect("it is JSON"))
            .collect();
        awa::insert_many_copy_from_pool(pool, &part).await.expect("the jobs are added");
    }
}
