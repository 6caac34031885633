//! How long a claim of one run takes, as the queue, the finished runs and the dead entries of the indexes grow.

use std::time::{Duration, Instant};

use clip_saver_db::{Db, ScanClaim, ScanWorker, repositories as db};

use crate::database::Database;
use crate::numbers::{Spread, duration};
use crate::report::Report;

const LEASE: Duration = Duration::from_secs(600);

/// Rounds of a comparison; each alternates between both databases.
const ROUNDS: usize = 15;

/// Claims of a round. In a queue of 100 they leave some.
const CLAIMS: usize = 50;

/// Claims of a round by a worker that is new, and therefore looks everywhere, as every worker does once a second.
const FULL_LOOKS: usize = 5;

const FINISHED: i64 = 10_000_000;

/// One of the two databases that are compared.
struct Side {
    database: Database,
    db: Db,
    worker: ScanWorker,
}

/// Seconds a claim, in the rounds of a comparison.
#[derive(Default)]
struct Times {
    ordinary: Vec<f64>,
    full: Vec<f64>,
}

impl Side {
    async fn new(server: &str, name: &str) -> Self {
        let database = Database::migrated(server, name).await;
        let db = database.open(1).await;
        Self { database, db, worker: ScanWorker::new("bench") }
    }

    /// Claims some runs one by one, completes them, and notes how long a claim takes.
    async fn round(&self, times: &mut Times) {
        let mut claims = Vec::new();
        // Its first call looks everywhere.
        claims.push(self.claim(&self.worker).await.1);
        let mut seconds = Vec::new();
        for _ in 0..CLAIMS {
            let (took, claim) = self.claim(&self.worker).await;
            seconds.push(took);
            claims.push(claim);
        }
        times.ordinary.push(Spread::of(seconds).median);
        let mut seconds = Vec::new();
        for _ in 0..FULL_LOOKS {
            let (took, claim) = self.claim(&ScanWorker::new("new")).await;
            seconds.push(took);
            claims.push(claim);
        }
        times.full.push(Spread::of(seconds).median);
        db::complete_scans(&self.db, &claims).await.expect("the call succeeds");
    }

    async fn claim(&self, worker: &ScanWorker) -> (f64, ScanClaim) {
        let started = Instant::now();
        let mut claims = db::claim_scan_runs(&self.db, worker, 1, LEASE).await.expect("the call succeeds");
        (started.elapsed().as_secs_f64(), claims.pop().expect("a run is queued"))
    }

    /// Claims and completes so many runs, 100 at a time.
    async fn work(&self, runs: usize) {
        for _ in 0..runs / 100 {
            let claims = db::claim_scan_runs(&self.db, &self.worker, 100, LEASE).await.expect("the call succeeds");
            db::complete_scans(&self.db, &claims).await.expect("the call succeeds");
        }
    }
}

/// Compares, each time with a queue of 10,000 runs without dead entries if nothing else is said.
pub async fn measure(server: &str, report: &mut Report) {
    let small = Side::new(server, "small").await;
    let large = Side::new(server, "large").await;
    queued(&small, &large, report).await;
    finished(&small, &large, report).await;
    large.database.execute("truncate bot_channel_scan_runs").await;
    dead(&small, &large, report).await;
}

async fn queued(small: &Side, large: &Side, report: &mut Report) {
    large.database.queue_only(1_000_000).await;
    let reset = async || small.database.queue_only(100).await;
    compare("a claim with 1,000,000 queued : with 100", [small, large], reset, 1.3, report).await;
}

async fn finished(small: &Side, large: &Side, report: &mut Report) {
    eprintln!("claim-cost: inserting {FINISHED} finished runs");
    small.database.queue_only(10_000).await;
    large.database.execute("truncate bot_channel_scan_runs; delete from bot_scan_queue; insert into bot_scan_queue (priority) values (0)").await;
    large.database.finish(FINISHED).await;
    large.database.queue(10_000).await;
    compare("a claim with 10,000,000 finished : with 0", [small, large], async || {}, 1.3, report).await;
}

async fn dead(small: &Side, large: &Side, report: &mut Report) {
    large.database.queue_only(230_000).await;
    small.database.queue_only(10_000).await;
    large.work(100_000).await;
    let title = "a claim after 100,000 claims without vacuum : after none";
    compare(title, [small, large], async || {}, 1.5, report).await;
    large.database.execute("vacuum analyze bot_channel_scan_runs, bot_scan_queue").await;
    small.database.queue_only(10_000).await;
    large.database.execute("begin isolation level repeatable read; select 1 from bot_scan_queue").await;
    large.work(100_000).await;
    compare("… with an old snapshot open", [small, large], async || {}, 1.5, report).await;
    large.database.execute("commit").await;
}

/// Measures both sides in turn, and reports the median of the rounds' ratios.
async fn compare(title: &str, sides: [&Side; 2], reset: impl AsyncFn(), aim: f64, report: &mut Report) {
    let mut times: [Times; 2] = Default::default();
    for round in 0..ROUNDS {
        reset().await;
        // Neither side is always the first.
        for place in [round % 2, 1 - round % 2] {
            sides[place].round(&mut times[place]).await;
        }
    }
    let [small, large] = &times;
    let ratio = ratio(&large.ordinary, &small.ordinary);
    let [before, after] = [&small.ordinary, &large.ordinary].map(|seconds| time(seconds));
    report.add(title, format!("{ratio:.2} ({after} : {before})"), format!("≤ {aim}"), ratio <= aim);
    report.note("… the look at everything, once a second", format!("{} : {}", time(&large.full), time(&small.full)));
}

fn ratio(above: &[f64], below: &[f64]) -> f64 {
    Spread::of(above.iter().zip(below).map(|(above, below)| above / below)).median
}

fn time(seconds: &[f64]) -> String {
    duration(Duration::from_secs_f64(Spread::of(seconds.iter().copied()).median))
}
