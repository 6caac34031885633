//! Whether claimers wait for each other: 16 workers claim one channel's 100 runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use clip_saver_db::{Db, ScanWorker, repositories as db};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::report::Report;

const WORKERS: usize = 16;

const RUNS: i64 = 100;

const ROUNDS: usize = 50;

const LEASE: Duration = Duration::from_secs(600);

/// The runs of one channel, one of which is claimed after another.
const ONE_CHANNEL: &str = "
update bot_channel_scan_runs set channel_id = '1000000000000000000', queue_guild_id = '1000', turn = after_message_id::bigint";

/// A statement that waits for a lock fails at once.
pub async fn measure(server: &str, report: &mut Report) {
    let database = Database::migrated(server, "waits").await;
    database.execute("alter database waits set lock_timeout = '10ms'").await;
    let db = database.open(WORKERS).await;
    queue(&database).await;
    let waits = in_open_transactions(&db).await;
    report.add("16 transactions open at once, each has claimed of 100 runs: waits", waits.to_string(), "0", waits == 0);
    let mut all = Waits::default();
    for _ in 0..ROUNDS {
        queue(&database).await;
        all = all.add(at_once(&db).await);
    }
    let title = format!("{ROUNDS} × 16 workers claim and complete 100 runs: claims that waited over 10 ms");
    report.add(title, all.claims.to_string(), "0", all.claims == 0);
    report.note("… completions that waited over 10 ms", all.completions.to_string());
}

async fn queue(database: &Database) {
    database.queue_only(RUNS).await;
    database.execute(ONE_CHANNEL).await;
}

/// Each worker claims in a transaction of its own, and none commits before all have claimed: whoever had to wait for another
/// one's claim would wait until then. Returns how many had to.
async fn in_open_transactions(db: &Db) -> usize {
    let (mut open, mut runs, mut waits) = (Vec::new(), HashSet::new(), 0);
    for number in 0..WORKERS {
        let transaction = db.begin().await.expect("a connection is free");
        let worker = ScanWorker::new(format!("worker {number}"));
        match db::claim_scan_runs(&transaction, &worker, 6, LEASE).await {
            Ok(claims) => {
                assert_eq!(claims.len(), 6, "there are runs for all");
                runs.extend(claims.iter().map(|claim| claim.run_id));
            }
            Err(_) => waits += 1,
        }
        open.push(transaction);
    }
    assert_eq!(runs.len(), 6 * (WORKERS - waits), "nobody claims what another one has claimed");
    for transaction in open {
        transaction.rollback().await;
    }
    waits
}

/// How many calls had to wait for a lock for longer than the timeout.
#[derive(Default)]
struct Waits {
    claims: usize,
    completions: usize,
}

impl Waits {
    fn add(self, other: Self) -> Self {
        Self { claims: self.claims + other.claims, completions: self.completions + other.completions }
    }
}

/// Lets the workers claim and complete all runs.
async fn at_once(db: &Db) -> Waits {
    let worker = Arc::new(ScanWorker::new("bench"));
    let workers: JoinSet<Waits> = (0..WORKERS).map(|_| work(db.clone(), worker.clone())).collect();
    workers.join_all().await.into_iter().fold(Waits::default(), Waits::add)
}

async fn work(db: Db, worker: Arc<ScanWorker>) -> Waits {
    let mut waits = Waits::default();
    loop {
        let Ok(claims) = db::claim_scan_runs(&db, &worker, 1, LEASE).await else {
            waits.claims += 1;
            continue;
        };
        let Some(claim) = claims.first() else { return waits };
        while db::complete_scan(&db, claim).await.is_err() {
            waits.completions += 1;
        }
    }
}
