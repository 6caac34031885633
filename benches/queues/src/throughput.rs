//! Jobs a second, from the queue until they are completed, on 4 connections: this crate, its tables with the plainest SQL by
//! hand, and two other queues, in turn.

use std::time::{Duration, Instant};

use clip_saver_db::{Db, ScanWorker, repositories as db};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::numbers::{Spread, float, whole};
use crate::report::Report;
use crate::{awa_queue, graphile_queue, hand_written_claims as by_hand};

/// Connections of each side.
pub const CONNECTIONS: u32 = 4;

const ROUNDS: usize = 5;

/// Jobs of a round: in batches, one by one, and for the slow sides. Each takes a second or more, so that opening connections and
/// planning count for little.
const BATCHED: i64 = 100_000;
const MANY: i64 = 20_000;
const FEW: i64 = 2_000;

const LEASE: Duration = Duration::from_secs(600);

/// The median of a side's rounds, in jobs a second.
#[derive(Default)]
struct Rates(Vec<f64>);

impl Rates {
    fn add(&mut self, jobs: i64, took: Duration) {
        self.0.push(float(jobs.unsigned_abs()) / took.as_secs_f64());
    }

    fn median(&self) -> f64 {
        Spread::of(self.0.iter().copied()).median
    }
}

/// Measures all sides in turn.
pub async fn measure(server: &str, report: &mut Report) {
    let ours = Database::migrated(server, "ours").await;
    let graphile = Database::create(server, "graphile").await;
    let awa = Database::create(server, "awa").await;
    let mut rates: [Rates; 9] = Default::default();
    for round in 0..ROUNDS {
        eprintln!("throughput: round {} of {ROUNDS}", round + 1);
        rates[0].add(MANY, claim_and_complete(&ours, MANY, 1).await);
        rates[1].add(FEW, graphile_queue::run_once(&graphile, FEW).await);
        rates[2].add(MANY, graphile_queue::run_prefetching(&graphile, MANY, false).await);
        rates[3].add(FEW, awa_queue::run(&awa, FEW, CONNECTIONS).await);
        rates[4].add(BATCHED, claim_and_complete(&ours, BATCHED, 100).await);
        rates[5].add(BATCHED, graphile_queue::run_prefetching(&graphile, BATCHED, true).await);
        rates[6].add(BATCHED, awa_queue::run(&awa, BATCHED, 512).await);
        rates[7].add(MANY, by_hand::claim_and_complete(&ours, MANY, 1).await);
        rates[8].add(BATCHED, by_hand::claim_and_complete(&ours, BATCHED, 100).await);
    }
    add(report, &rates.map(|rates| rates.median()));
}

fn add(report: &mut Report, rates: &[f64; 9]) {
    let [
        one,
        graphile_one,
        graphile_prefetch,
        awa_one,
        hundred,
        graphile_batch,
        awa_batch,
        by_hand_one,
        by_hand_hundred,
    ] = *rates;
    let rate = |rate| format!("{}/s", whole(rate));
    let best = graphile_one.max(graphile_prefetch).max(awa_one);
    report.add("claim and complete, one at a time", rate(one), "≥ 9,000/s", one >= 9_000.0);
    report.note("… the plainest SQL on the same tables by hand", rate(by_hand_one));
    report.note("… ours : by hand", format!("{:.2}", one / by_hand_one));
    report.note("… graphile_worker, `run_once`", rate(graphile_one));
    report.note("… graphile_worker, 100 prefetched, completed one at a time", rate(graphile_prefetch));
    report.note("… awa, 4 workers", rate(awa_one));
    report.add("… ours : the fastest of them", format!("{:.2}", one / best), "≥ 1", one >= best);
    report.add("claim and complete, 100 at a time", rate(hundred), "≥ 60,000/s", hundred >= 60_000.0);
    report.note("… the plainest SQL on the same tables by hand", rate(by_hand_hundred));
    report.note("… ours : by hand", format!("{:.2}", hundred / by_hand_hundred));
    report.note("… graphile_worker, 4 × 500 prefetched, completed in batches", rate(graphile_batch));
    report.note("… awa, 512 workers", rate(awa_batch));
    let best = graphile_batch.max(awa_batch);
    report.add("… ours : the fastest of them", format!("{:.2}", hundred / best), "≥ 1", hundred >= best);
}

/// Claims and completes all runs of a queue.
async fn claim_and_complete(database: &Database, runs: i64, limit: u32) -> Duration {
    database.queue_only(runs).await;
    let db = database.open(CONNECTIONS as usize).await;
    let worker = ScanWorker::new("bench");
    let (worker, pool) = (std::sync::Arc::new(worker), db.clone());
    let started = Instant::now();
    let tasks: JoinSet<u64> = (0..CONNECTIONS).map(|_| claims(pool.clone(), worker.clone(), limit)).collect();
    let completed: u64 = tasks.join_all().await.into_iter().sum();
    let took = started.elapsed();
    assert_eq!(completed, runs.unsigned_abs(), "each run is claimed and completed once");
    db.close().await;
    took
}

/// One of the concurrent tasks; returns how many runs it completed.
async fn claims(db: Db, worker: std::sync::Arc<ScanWorker>, limit: u32) -> u64 {
    let mut completed = 0;
    loop {
        let claims = db::claim_scan_runs(&db, &worker, limit, LEASE).await.expect("the call succeeds");
        match &claims[..] {
            [] => return completed,
            [claim] => completed += u64::from(db::complete_scan(&db, claim).await.expect("the call succeeds")),
            claims => completed += db::complete_scans(&db, claims).await.expect("the call succeeds").len() as u64,
        }
    }
}
