//! How long a request takes to wake a worker in another process that waits for it, up to the claim.

use std::env::current_exe;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use clip_saver_db::{Db, ScanRequest, ScanRequested, ScanWorker, repositories as db};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::database::{Database, channel_id, open};
use crate::numbers::{Spread, duration};
use crate::report::Report;

/// The argument that makes this program the other process.
pub const CLAIMER: &str = "claimer";

const REQUESTS: u64 = 10_000;

const LEASE: Duration = Duration::from_secs(60);

/// A claim that comes later than this came by the poll, every 5 seconds: its notification was lost.
const LOST: f64 = 1.0;

/// Requests runs one by one: each when the last one has been claimed and completed.
pub async fn measure(server: &str, report: &mut Report) {
    let database = Database::migrated(server, "wakeups").await;
    let db = database.open(1).await;
    let program = current_exe().expect("the program has a path");
    let mut claimer = Command::new(program)
        .args([database.url(), CLAIMER, &REQUESTS.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(claimer.stdout.take().expect("stdout is piped")).lines();
    let mut waits = Vec::new();
    for request in 0..REQUESTS {
        waits.push(wait(&db, &mut lines, request).await);
    }
    let lost = waits.iter().filter(|wait| **wait > LOST).count();
    let Spread { median, .. } = Spread::of(waits.iter().copied());
    let longest = waits.into_iter().fold(0.0, f64::max);
    let [shown, longest] = [median, longest].map(|wait| duration(Duration::from_secs_f64(wait)));
    let title = "from the call of `request_scan` to the claim in another process that slept, median";
    report.add(title, format!("{shown} (longest {longest})"), "≤ 10 ms", median <= 0.01);
    report.add("… notifications lost, of 10,000", lost.to_string(), "0", lost == 0);
}

/// Requests a run; returns after how many seconds it was claimed.
async fn wait(db: &Db, lines: &mut Lines<BufReader<ChildStdout>>, request: u64) -> f64 {
    let started = now();
    let channel = channel_id(request % 1000).into();
    let requested = db::request_scan(db, channel, &ScanRequest::new()).await.expect("the call succeeds");
    let ScanRequested::Enqueued(run) = requested else { panic!("{requested:?}") };
    let line = lines.next_line().await.expect("it is text").expect("the other process has not ended");
    let (id, claimed) = line.split_once(' ').expect("a line is a run and a time");
    assert_eq!(id, run.to_string(), "one run is queued at a time");
    claimed.parse::<f64>().expect("the time is a number") - started
}

/// Seconds since 1970: all processes of a machine have the same clock.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970").as_secs_f64()
}

/// The other process: claims and completes so many runs, and prints each with the time when it was claimed.
pub async fn claim(url: &str, runs: u64) {
    let db = open(url, 1).await;
    let worker = ScanWorker::new("bench");
    let mut wakeups = db.scan_wakeups();
    let mut left = runs;
    while left > 0 {
        wakeups.next().await.expect("the database handle is open");
        for claim in db::claim_scan_runs(&db, &worker, 100, LEASE).await.expect("the call succeeds") {
            let claimed = now();
            db::complete_scan(&db, &claim).await.expect("the call succeeds");
            println!("{} {claimed}", claim.run_id);
            left -= 1;
        }
    }
}
