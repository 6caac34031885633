//! 32 tasks that write: batches of channels, counters, and scan runs from enqueued to succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clip_saver_db::{ChannelSnapshot, Db, Error, ScanIncrement, ScanRunId, repositories as db};
use futures::TryFutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::ledger::{BATCH, Ledger, Outcome, Write, outcome_of};
use crate::rig::{Rig, TEST_TIMEOUT, the_guild};

const TASKS: usize = 32;

/// The pause before a program tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// The running load.
pub struct Load {
    signals: Arc<Signals>,
    tasks: JoinSet<Ledger>,
}

#[derive(Default)]
struct Signals {
    is_over: AtomicBool,
    successes: watch::Sender<u64>,
    /// The number of errors by task.
    errors: watch::Sender<[u64; TASKS]>,
}

impl Load {
    pub fn on(rig: &Rig) -> Self {
        let signals = Arc::new(Signals::default());
        let task = |number: usize| {
            let next = (number as u64 + 1) * 1_000_000_000;
            Task {
                number,
                db: rig.db.clone(),
                limit: rig.limit(),
                signals: signals.clone(),
                ledger: Ledger::default(),
                next,
            }
        };
        let tasks = (0..TASKS).map(|number| task(number).run()).collect();
        Self { signals, tasks }
    }

    /// Waits until `more` more calls have succeeded.
    pub async fn wait_for_successes(&self, more: u64) {
        let enough = *self.signals.successes.borrow() + more;
        reaches(&self.signals.successes, |count| *count >= enough).await;
    }

    /// Waits until `more` more calls of each task have failed.
    pub async fn wait_for_failures(&self, more: u64) {
        let enough = self.signals.errors.borrow().map(|count| count + more);
        reaches(&self.signals.errors, |counts| counts.iter().zip(&enough).all(|(count, enough)| count >= enough)).await;
    }

    /// Lets each task finish its call, and returns the ledger of all tasks.
    pub async fn end(self) -> Ledger {
        self.signals.is_over.store(true, Ordering::Relaxed);
        let mut all = Ledger::default();
        for ledger in timeout(TEST_TIMEOUT, self.tasks.join_all()).await.expect("the tasks end") {
            all += ledger;
        }
        all
    }
}

async fn reaches<T>(counts: &watch::Sender<T>, enough: impl FnMut(&T) -> bool) {
    let mut counts = counts.subscribe();
    let waiting = timeout(TEST_TIMEOUT, counts.wait_for(enough)).await;
    waiting.expect("the calls end").expect("the load is running");
}

struct Task {
    number: usize,
    db: Db,
    limit: Duration,
    signals: Arc<Signals>,
    ledger: Ledger,
    /// The next channel. No two writes of the same kind use the same channel.
    next: u64,
}

impl Task {
    async fn run(mut self) -> Ledger {
        while !self.is_over() {
            self.round().await;
        }
        self.ledger
    }

    fn is_over(&self) -> bool {
        self.signals.is_over.load(Ordering::Relaxed)
    }

    /// Stores a batch, counts a message on each of its channels, and scans the first channel.
    async fn round(&mut self) {
        let first = self.next;
        self.next += BATCH;
        let db = self.db.clone();
        let channels: Vec<_> =
            (first..first + BATCH).map(|id| ChannelSnapshot::new(id.into(), "channel", "text")).collect();
        let batch = db::upsert_channels_for_guild(&db, the_guild(), &channels);
        let Some(written) = self.write(Write::Batch, first, batch).await else { return };
        assert_eq!(written, BATCH);
        for id in first..first + BATCH {
            self.found(Write::Count, id, db::increment_channel_message_count(&db, id.into(), 1)).await;
        }
        self.scan(&db, first).await;
        self.read(db::get_channel(&db, first.into())).await;
    }

    async fn scan(&mut self, db: &Db, channel: u64) {
        let enqueued = self.write(Write::Enqueue, channel, db::enqueue_scan_run(db, channel.into())).await;
        let Some(run) = enqueued else { return };
        let Some(run) = run else { return self.ledger.lost() };
        self.found(Write::Start, channel, db::mark_scan_started(db, run)).await;
        let progress = db::update_scan_progress(db, run, ScanIncrement::scanned(1));
        self.found(Write::Progress, channel, progress.map_ok(|totals| totals.is_some())).await;
        self.record(db, run, channel).await;
        self.found(Write::Finish, channel, db::mark_scan_succeeded(db, run)).await;
    }

    /// Records a page again and again until it is known to be counted.
    async fn record(&mut self, db: &Db, run: ScanRunId, channel: u64) {
        let page = ScanIncrement::scanned(0).with_matched(1);
        loop {
            let result = self.outcome(db::record_scan_progress(db, run, channel.into(), 1.into(), page)).await;
            match self.note(result).await {
                Some(Some(_)) => return self.ledger.write(Write::Page, channel, Outcome::Stored),
                Some(None) => return self.ledger.lost(),
                None if self.is_over() => return self.ledger.write(Write::Page, channel, Outcome::Unknown),
                None => {}
            }
        }
    }

    /// A write to a stored row.
    async fn found(&mut self, write: Write, channel: u64, call: impl Future<Output = Result<bool, Error>>) {
        if self.write(write, channel, call).await == Some(false) {
            self.ledger.lost();
        }
    }

    async fn write<T>(
        &mut self,
        write: Write,
        channel: u64,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Option<T> {
        let result = self.outcome(call).await;
        let outcome = match &result {
            Some(Ok(_)) => Outcome::Stored,
            Some(Err(error)) => outcome_of(error),
            None => Outcome::Unknown,
        };
        self.ledger.write(write, channel, outcome);
        self.note(result).await
    }

    async fn read<T>(&mut self, call: impl Future<Output = Result<Option<T>, Error>>) {
        let result = self.outcome(call).await;
        if self.note(result).await.is_some_and(|row| row.is_none()) {
            self.ledger.lost();
        }
    }

    /// The result of a call, `None` if it hangs.
    async fn outcome<T>(&mut self, call: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
        let begun = Instant::now();
        let result = timeout(self.limit, call).await.ok();
        self.ledger.took(begun.elapsed());
        result
    }

    async fn note<T>(&mut self, result: Option<Result<T, Error>>) -> Option<T> {
        match result {
            Some(Ok(value)) => {
                self.signals.successes.send_modify(|count| *count += 1);
                return Some(value);
            }
            Some(Err(error)) => self.ledger.error(error),
            None => self.ledger.hang(),
        }
        self.signals.errors.send_modify(|counts| counts[self.number] += 1);
        sleep(PAUSE).await;
        None
    }
}
