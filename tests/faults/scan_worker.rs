//! A worker process of the tests in `scans.rs`: this test binary, started with only [`worker_process`] and its variables. It
//! claims runs and scans them until its standard input closes.

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clip_saver_db::{
    Db, Error, GenericClient as _, MessageId, MessageInterval, RecordedScanPage, ScanClaim, ScanLease, ScanPage,
    ScanWorker, repositories as db,
};
use futures::future::{join_all, select};
use tokio::io::AsyncReadExt as _;
use tokio::time::sleep;

use crate::rig::config;
use crate::scan_source::{SourceClient, with_clips};

/// Short, so that workers that die or stand still lose their claims while the test runs.
pub const LEASE: Duration = Duration::from_secs(1);

/// The variables of a worker process.
const DATABASE: &str = "SCAN_WORKER_DATABASE";
const SOURCE: &str = "SCAN_WORKER_SOURCE";
const HABITS: &str = "SCAN_WORKER_HABITS";

/// The pause before a worker tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// How many runs a worker claims at a time.
const RUNS: u32 = 2;

/// Notes in the page's own transaction which token wrote it, and which one the run had.
const NOTE: &str =
    "insert into page_writes (token, current) select $2, claim_token from bot_channel_scan_runs where id = $1";

/// How a worker process works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Habits {
    /// Forward, each page in a statement of its own, to the end.
    Steady,
    /// In both directions, some pages in a transaction with a note, and sometimes it hands a run back.
    Mixed,
}

/// Starts a worker process.
pub fn spawn(database: &str, source: u16, habits: Habits) -> Child {
    Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", "scan_worker::worker_process", "--nocapture"])
        .env(DATABASE, database)
        .env(SOURCE, source.to_string())
        .env(HABITS, if habits == Habits::Steady { "steady" } else { "mixed" })
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("this program starts again")
}

/// The program of a worker process. Among the tests, where nobody sets its variables, it does nothing.
#[tokio::test]
async fn worker_process() {
    let (Ok(url), Ok(port)) = (env::var(DATABASE), env::var(SOURCE)) else { return };
    let mut config = config(&url);
    config.pool_max = 4;
    let db = loop {
        match Db::connect(config.clone()).await {
            Ok(db) => break db,
            Err(error) => pause_after(&error).await,
        }
    };
    let source = SourceClient { port: port.parse().expect("a port") };
    let is_steady = env::var(HABITS).is_ok_and(|habits| habits == "steady");
    let identity = ScanWorker::new(format!("{}-{}", std::process::id(), rand::random::<u32>()));
    let worker = Worker { db, is_steady, source, identity };
    worker.run().await;
}

struct Worker {
    db: Db,
    is_steady: bool,
    source: SourceClient,
    identity: ScanWorker,
}

/// Waits before the next try. Only errors that may pass are expected.
pub async fn pause_after(error: &Error) {
    assert!(error.is_retryable() || error.is_outcome_unknown(), "{error:?}");
    sleep(PAUSE).await;
}

impl Worker {
    /// Works until the standard input closes; then hands back what it has begun.
    async fn run(self) {
        let mut nothing = Vec::new();
        let end = Box::pin(async { tokio::io::stdin().read_to_end(&mut nothing).await });
        select(Box::pin(self.work()), end).await;
        self.db.close().await;
    }

    async fn work(&self) {
        let mut wakeups = self.db.scan_wakeups();
        while wakeups.next().await.is_some() {
            loop {
                match db::claim_scan_runs(&self.db, &self.identity, RUNS, LEASE).await {
                    Ok(claims) if claims.is_empty() => break,
                    Ok(claims) => _ = join_all(claims.into_iter().map(|claim| self.scan(claim))).await,
                    Err(error) => pause_after(&error).await,
                }
            }
        }
    }

    /// Scans a run from its beginning or, with mixed habits, every second time from its end.
    async fn scan(&self, claim: ScanClaim) {
        let lease = ScanLease::hold(&self.db, claim, LEASE);
        self.source.claimed(&claim, self.identity.name()).await;
        let is_backward = !self.is_steady && claim.token % 2 == 0;
        let is_whole = if is_backward { self.backward(&lease).await } else { self.forward(&lease).await };
        if is_whole && lease.complete().await.is_err() {
            sleep(PAUSE).await; // it was handed back
        }
    }

    /// Returns whether it has read everything.
    async fn forward(&self, lease: &ScanLease) -> bool {
        let mut after = lease.claim().after;
        loop {
            let ids = self.source.after(lease.claim(), after).await;
            let Some(page) = ScanPage::after(after, ids) else { return true };
            after = Some(page.covered.last);
            if !self.record(lease, page).await {
                return false;
            }
        }
    }

    async fn backward(&self, lease: &ScanLease) -> bool {
        let mut before: Option<MessageId> = None;
        loop {
            let ids = self.source.before(lease.claim(), before).await;
            let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return true };
            let last = before.map_or(*last, |before| MessageId::from(before.get() - 1));
            before = Some(*first);
            if !self.record(lease, ScanPage::new(MessageInterval::new(*first, last), ids)).await {
                return false;
            }
        }
    }

    /// Records a page until that succeeds. Returns whether to go on: the claim may be lost, and now and then a worker stops.
    async fn record(&self, lease: &ScanLease, page: ScanPage) -> bool {
        let clips = with_clips(&page.messages);
        let page = page.with_clips(clips);
        let is_noted = !self.is_steady && rand::random_bool(0.5);
        loop {
            let recorded = if is_noted {
                self.record_noted(lease.claim(), &page).await
            } else {
                db::record_scan_page(&self.db, lease.claim(), &page).await
            };
            match recorded {
                Ok(RecordedScanPage::Recorded(_)) => return self.is_steady || rand::random_bool(0.99),
                Ok(RecordedScanPage::Lost) => {
                    self.source.lost().await;
                    return false;
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn record_noted(&self, claim: &ScanClaim, page: &ScanPage) -> Result<RecordedScanPage, Error> {
        let transaction = self.db.begin().await?;
        let recorded = db::record_scan_page(&transaction, claim, page).await?;
        if matches!(recorded, RecordedScanPage::Recorded(_)) {
            transaction.execute(NOTE, &[&claim.run_id.get(), &claim.token]).await?;
        }
        transaction.commit().await.map(|()| recorded)
    }
}
