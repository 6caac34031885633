//! Scan runs: queued → running → finished, and counters that add up in any status.

use std::sync::Arc;

use clip_saver_db::{Db, ScanIncrement, ScanProgress, ScanRunId, repositories as db};
use proptest::prelude::*;
use uuid::Uuid;

use super::state::{Model, Run, SHARED, Slot};
use super::{Answer, SHARED_OWNER};
use crate::properties::amount;

#[derive(Debug, Clone)]
pub enum RunCall {
    Enqueue(u64),
    Record { run: Slot, channel: u64, page: Page },
    One(Slot, Step),
}

/// A page that a run has read.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    last: u64,
    scanned: i64,
    matched: i64,
}

/// A step of one run.
#[derive(Debug, Clone)]
pub enum Step {
    Get,
    Start,
    Add(i64, i64),
    Succeed,
    Fail(String),
    Cancel,
}

/// The ids that the database has generated: for a task, and for the shared rows.
pub struct Runs {
    pub own: Vec<ScanRunId>,
    pub shared: Arc<[ScanRunId]>,
}

impl Runs {
    /// The run's id, or an unused id if the run does not exist (yet).
    fn id(&self, (task, nth): Slot) -> ScanRunId {
        let runs = if task == SHARED_OWNER { &self.shared[..] } else { &self.own };
        runs.get(nth).copied().unwrap_or(Uuid::nil().into())
    }
}

impl Step {
    fn any(amount: impl Strategy<Value = i64> + Clone) -> impl Strategy<Value = Self> {
        prop_oneof![
            1 => Just(Self::Get),
            3 => Just(Self::Start),
            3 => (amount.clone(), amount).prop_map(|(scanned, matched)| Self::Add(scanned, matched)),
            1 => Just(Self::Succeed),
            1 => (0..100).prop_map(|n| Self::Fail(format!("reason {n}"))),
            1 => Just(Self::Cancel),
        ]
    }

    async fn on_database(&self, db: &Db, run: ScanRunId) -> Answer {
        let result = match self {
            Self::Get => db::get_scan_run(db, run).await.map(|run| run.is_some()),
            Self::Start => db::mark_scan_started(db, run).await,
            Self::Add(scanned, matched) => {
                let increment = ScanIncrement::scanned(*scanned).with_matched(*matched);
                let result = db::update_scan_progress(db, run, increment).await;
                let totals =
                    |totals: clip_saver_db::ScanProgress| vec![totals.messages_scanned, totals.messages_matched];
                return Answer::of(result, |progress| Answer::Numbers(progress.map(totals)));
            }
            Self::Succeed => db::mark_scan_succeeded(db, run).await,
            Self::Fail(reason) => db::mark_scan_failed(db, run, reason).await,
            Self::Cancel => db::mark_scan_canceled(db, run).await,
        };
        Answer::of(result, Answer::Is)
    }

    fn on_model(&self, run: Option<&mut Run>) -> Answer {
        match (self, run) {
            (Self::Get, run) => Answer::Is(run.is_some()),
            (Self::Add(..), None) => Answer::Numbers(None),
            (_, None) => Answer::Is(false),
            (Self::Add(scanned, matched), Some(run)) => run.add(*scanned, *matched),
            (Self::Start, Some(run)) => {
                let is_queued = run.status == "queued";
                if is_queued {
                    (run.status, run.is_started) = ("running".into(), true);
                }
                Answer::Is(is_queued)
            }
            (Self::Succeed, Some(run)) => finish(run, "succeeded", None),
            (Self::Fail(reason), Some(run)) => finish(run, "failed", Some(reason.clone())),
            (Self::Cancel, Some(run)) => finish(run, "canceled", None),
        }
    }
}

impl Answer {
    fn totals(progress: Option<ScanProgress>) -> Self {
        Self::Numbers(progress.map(|totals| vec![totals.messages_scanned, totals.messages_matched]))
    }
}

impl Run {
    fn add(&mut self, scanned: i64, matched: i64) -> Answer {
        let sums = (self.scanned.checked_add(scanned), self.matched.checked_add(matched));
        let (Some(scanned), Some(matched)) = sums else { return Answer::Refused("22003".into()) };
        (self.scanned, self.matched) = (scanned, matched);
        Answer::Numbers(Some(vec![scanned, matched]))
    }
}

/// A page counts once, both for its run and for its channel.
fn record(model: &mut Model, run: Slot, id: u64, page: Page) -> Answer {
    let run = model.runs.get_mut(&run).filter(|run| run.channel == id);
    let (Some(run), Some(channel)) = (run, model.channels.get_mut(&id)) else { return Answer::Numbers(None) };
    if run.last >= Some(page.last) {
        return Answer::Numbers(Some(vec![run.scanned, run.matched]));
    }
    let Some(count) = channel.count.checked_add(page.scanned) else { return Answer::Refused("22003".into()) };
    let answer = run.add(page.scanned, page.matched);
    if let Answer::Numbers(_) = answer {
        run.last = Some(page.last);
        (channel.count, channel.is_scanned) = (count, true);
        channel.cursor = channel.cursor.max(run.last);
    }
    answer
}

fn finish(run: &mut Run, status: &str, error: Option<String>) -> Answer {
    let is_open = !run.is_finished;
    if is_open {
        (run.status, run.error, run.is_finished) = (status.into(), error, true);
    }
    Answer::Is(is_open)
}

impl RunCall {
    pub fn own(task: u64) -> impl Strategy<Value = Self> {
        let id = task * 10..task * 10 + 4;
        let page =
            (0..2_000_u64, amount(), 0..9_i64).prop_map(|(last, scanned, matched)| Page { last, scanned, matched });
        let record = (0..4_usize, id.clone(), page);
        prop_oneof![
            2 => id.prop_map(Self::Enqueue),
            2 => record.prop_map(move |(nth, channel, page)| Self::Record { run: (task, nth), channel, page }),
            5 => (0..4_usize, Step::any(amount())).prop_map(move |(nth, step)| Self::One((task, nth), step)),
        ]
    }

    pub fn shared() -> impl Strategy<Value = Self> {
        let run = |channel: u64| (SHARED_OWNER, usize::try_from(channel).expect("the number is small"));
        // All tasks record the same page.
        let page = Page { last: 1_000, scanned: 7, matched: 3 };
        prop_oneof![
            1 => SHARED.prop_map(move |channel| Self::Record { run: run(channel), channel, page }),
            4 => (SHARED, Step::any(0..100_i64)).prop_map(move |(channel, step)| Self::One(run(channel), step)),
        ]
    }

    pub fn starts(&self) -> bool {
        matches!(self, Self::One(_, Step::Start))
    }

    pub async fn on_database(&self, db: &Db, runs: &mut Runs) -> Answer {
        match self {
            Self::Enqueue(channel) => Answer::of(db::enqueue_scan_run(db, (*channel).into()).await, |run| {
                runs.own.extend(run);
                Answer::Is(run.is_some())
            }),
            Self::Record { run, channel, page } => {
                let increment = ScanIncrement::scanned(page.scanned).with_matched(page.matched);
                let (run, channel, last) = (runs.id(*run), (*channel).into(), page.last.into());
                Answer::of(db::record_scan_progress(db, run, channel, last, increment).await, Answer::totals)
            }
            Self::One(slot, step) => step.on_database(db, runs.id(*slot)).await,
        }
    }

    pub fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Enqueue(id) => {
                let Some(channel) = model.channels.get(id).filter(|channel| channel.is_reading) else {
                    return Answer::Is(false);
                };
                let run = Run { channel: *id, after: channel.cursor, status: "queued".into(), ..Run::default() };
                model.runs.insert((model.task, model.enqueued), run);
                model.enqueued += 1;
                Answer::Is(true)
            }
            Self::Record { run, channel, page } => record(model, *run, *channel, *page),
            Self::One(slot, step) => step.on_model(model.runs.get_mut(slot)),
        }
    }
}
