//! What keeps a worker on shared scans going: the guard of a claim, and wake-ups.

use std::time::Duration;

use clip_saver_db::{ChannelId, Db, ScanClaim, ScanRequest, ScanRequested, ScanRunId, ScanWorker, repositories as db};

use crate::support::reading_channel;

mod lease;
mod wakeups;

/// Long enough for a machine that is busy, short enough to wait for its end.
const LEASE: Duration = Duration::from_secs(3);

/// Puts a run on a channel into the queue.
async fn request(database: &Db, channel: ChannelId) -> ScanRunId {
    match db::request_scan(database, channel, &ScanRequest::new()).await.unwrap() {
        ScanRequested::Enqueued(run) => run,
        other => panic!("{other:?}"),
    }
}

/// The only run in the queue.
async fn claim(database: &Db, worker: &str, lease: Duration) -> Option<ScanClaim> {
    db::claim_scan_runs(database, &ScanWorker::new(worker), 1, lease).await.unwrap().pop()
}

/// A run that a worker has claimed.
async fn claimed(database: &Db, lease: Duration) -> ScanClaim {
    let channel = reading_channel(database).await;
    request(database, channel).await;
    claim(database, "one", lease).await.expect("there is a run")
}
