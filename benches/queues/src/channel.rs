//! How fast four workers scan one channel of 1,000,000 messages that are in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clip_saver_db::{Db, RecordedScanPage, ScanClaim, ScanPage, ScanRequest, ScanWorker, repositories as db};
use tokio::task::JoinSet;

use crate::database::{Database, channel_id};
use crate::numbers::{Spread, float, whole};
use crate::pages::{message, page};
use crate::report::Report;

const MESSAGES: u64 = 1_000_000;

const WORKERS: usize = 4;

/// The channel's scan is requested in so many runs, one for each part of its history.
const RUNS: u64 = 40;

const ROUNDS: u64 = 3;

const LEASE: Duration = Duration::from_secs(600);

/// Measures pages as Discord returns them, of 100 messages, and pages of 1,000: ten of Discord's stored at once.
pub async fn measure(server: &str, report: &mut Report) {
    let database = Database::migrated(server, "channel").await;
    let db = database.open(WORKERS).await;
    let mut rates = [Vec::new(), Vec::new()];
    let mut intervals = 0;
    for round in 0..ROUNDS {
        for (place, joined) in [1, 10].into_iter().enumerate() {
            let channel = 2 * round + place as u64;
            let source = Arc::new(source(joined));
            database.execute("vacuum analyze").await;
            rates[place].push(float(MESSAGES) / scan(&db, channel, source).await.as_secs_f64());
            let coverage = db::get_scan_coverage(&db, channel_id(channel).into()).await.expect("the call succeeds");
            intervals = intervals.max(coverage.len());
            database.execute("truncate bot_clips, bot_clip_messages").await;
        }
    }
    let [hundred, thousand] = rates.map(|rates| Spread::of(rates).median);
    let rate = |rate| format!("{} messages/s", whole(rate));
    let title = "1,000,000 messages of a channel, 4 workers, a clip in each 100, pages of 100";
    report.add(title, rate(hundred), "≥ 400,000/s", hundred >= 400_000.0);
    report.add("… pages of 1,000", rate(thousand), "≥ 400,000/s", thousand >= 400_000.0);
    report.add("… intervals of coverage at the end", intervals.to_string(), "≤ 3", intervals <= 3);
}

/// The channel's pages, each of so many of Discord's.
fn source(joined: u64) -> Vec<ScanPage> {
    let numbers: Vec<_> = (0..MESSAGES / 100).map(|number| number * 100).collect();
    numbers.chunks(joined as usize).map(|firsts| join(firsts.iter().map(|first| page(*first, 1)))).collect()
}

/// One page that holds all of some successive ones.
fn join(pages: impl Iterator<Item = ScanPage>) -> ScanPage {
    pages
        .reduce(|mut all, page| {
            all.covered.last = page.covered.last;
            all.messages.extend(page.messages);
            all.clips.extend(page.clips);
            all
        })
        .expect("there are pages")
}

/// Requests the runs, and lets the workers scan them.
async fn scan(db: &Db, channel: u64, source: Arc<Vec<ScanPage>>) -> Duration {
    let part = MESSAGES / RUNS;
    for run in 0..RUNS {
        let mut request = ScanRequest::new().with_before(message((run + 1) * part));
        if run > 0 {
            request = request.with_after(message(run * part - 1));
        }
        db::request_scan(db, channel_id(channel).into(), &request).await.expect("the call succeeds");
    }
    let worker = Arc::new(ScanWorker::new("bench"));
    let started = Instant::now();
    let workers: JoinSet<u64> = (0..WORKERS).map(|_| work(db.clone(), worker.clone(), source.clone())).collect();
    let new: u64 = workers.join_all().await.into_iter().sum();
    assert_eq!(new, MESSAGES, "each message counts once");
    started.elapsed()
}

/// A worker: scans runs until none is queued. Returns how many messages it counted.
async fn work(db: Db, worker: Arc<ScanWorker>, source: Arc<Vec<ScanPage>>) -> u64 {
    let mut counted = 0;
    while let Some(claim) =
        db::claim_scan_runs(&db, &worker, 1, LEASE).await.expect("the call succeeds").into_iter().next()
    {
        let after = claim.after.map_or(0, |after| after.get() + 1);
        let before = claim.before.expect("each run has an end").get();
        let first = source.partition_point(|page| page.covered.last.get() < after);
        for page in source[first..].iter().take_while(|page| page.covered.last.get() < before) {
            counted += record(&db, &claim, page).await;
        }
        assert!(db::complete_scan(&db, &claim).await.expect("the call succeeds"), "the claim holds");
    }
    counted
}

async fn record(db: &Db, claim: &ScanClaim, page: &ScanPage) -> u64 {
    match db::record_scan_page(db, claim, page).await.expect("the call succeeds") {
        RecordedScanPage::Recorded(recorded) => recorded.new_messages,
        RecordedScanPage::Lost => panic!("the claim holds"),
    }
}
