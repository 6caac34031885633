//! The calls on the queue.

use std::collections::BTreeSet;
use std::time::Duration;

use clip_saver_db::{CancelScope, ScanClaim, ScanRequest, ScanRequested, ScanRunId, repositories as db};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::pages::PageCall;
use super::state::{CHANNELS, Model, Run};
use crate::support::TestDatabase;
use crate::support::scans::{LEASE, claims};

#[derive(Debug, Clone)]
pub enum Call {
    Request(u64, Option<u64>),
    Read(u64, bool),
    Claim,
    Expire(usize),
    Renew(usize),
    Complete(usize),
    Fail { claim: usize, reason: &'static str, is_retried: bool },
    Release(usize),
    Cancel(usize),
    CancelGuild(u64),
    CancelChannels(Vec<u64>),
    Purge(u32),
    Stats,
    Page(PageCall),
}

/// The ids that the database has generated, and its claims.
#[derive(Default)]
pub struct Names {
    pub runs: Vec<ScanRunId>,
    pub claims: Vec<ScanClaim>,
}

impl Names {
    fn number(&self, run: ScanRunId) -> usize {
        self.runs.iter().position(|known| *known == run).expect("the run was requested")
    }
}

/// One of the claims or runs, mostly a late one. Not all exist.
fn nth() -> impl Strategy<Value = usize> {
    0..25_usize
}

pub fn channel() -> impl Strategy<Value = u64> {
    select(CHANNELS.map(|(_, channel)| channel).to_vec())
}

impl Call {
    pub fn any() -> impl Strategy<Value = Self> {
        let fail = (nth(), select(vec!["x", "y"]), any::<bool>());
        prop_oneof![
            8 => (channel(), option::of(1..4_u64)).prop_map(|(channel, after)| Self::Request(channel, after)),
            1 => (channel(), prop::bool::weighted(0.7)).prop_map(|(channel, reads)| Self::Read(channel, reads)),
            5 => Just(Self::Claim),
            2 => nth().prop_map(Self::Expire),
            3 => nth().prop_map(Self::Renew),
            3 => nth().prop_map(Self::Complete),
            3 => fail.prop_map(|(claim, reason, is_retried)| Self::Fail { claim, reason, is_retried }),
            3 => nth().prop_map(Self::Release),
            2 => nth().prop_map(Self::Cancel),
            1 => (1..4_u64).prop_map(Self::CancelGuild),
            1 => prop::collection::vec(channel(), 0..2).prop_map(Self::CancelChannels),
            1 => (0..4_u32).prop_map(Self::Purge),
            1 => Just(Self::Stats),
            25 => PageCall::any(nth()).prop_map(Self::Page),
        ]
    }

    pub async fn on_database(&self, db: &TestDatabase, names: &mut Names) -> String {
        let claim = |claim: usize| names.claims.get(claim).copied();
        match self {
            Self::Request(channel, after) => {
                let mut request = ScanRequest::new();
                request.after = after.map(Into::into);
                match db::request_scan(&**db, (*channel).into(), &request).await.unwrap() {
                    ScanRequested::Enqueued(run) => {
                        names.runs.push(run);
                        "enqueued".into()
                    }
                    ScanRequested::AlreadyActive(run) => format!("active {}", names.number(run)),
                    other => format!("{other:?}"),
                }
            }
            Self::Read(channel, is_reading) => {
                format!("{:?}", db::set_channel_reading(&**db, (*channel).into(), *is_reading).await.ok())
            }
            Self::Claim => {
                let mut claims = claims(db, 100).await;
                claims.sort_by_key(|claim| names.number(claim.run_id));
                let named = claims.iter().map(|claim| (names.number(claim.run_id), claim.token, claim.attempt));
                let answer = format!("{:?}", named.collect::<Vec<_>>());
                names.claims.extend(claims);
                answer
            }
            Self::Expire(run) => {
                let Some(run) = names.runs.get(*run) else { return String::new() };
                let past = "set lease_until = now() - interval '1 s' where status = 'running'";
                db.execute(&format!("update bot_channel_scan_runs {past} and id = '{run}'")).await;
                String::new()
            }
            Self::Renew(n) => match claim(*n) {
                Some(claim) => format!("{:?}", db::renew_scan_lease(&**db, &claim, LEASE).await.unwrap()),
                None => "Lost".into(),
            },
            Self::Complete(n) => match claim(*n) {
                Some(claim) => db::complete_scan(&**db, &claim).await.unwrap().to_string(),
                None => "false".into(),
            },
            Self::Fail { claim: n, reason, is_retried } => match claim(*n) {
                Some(claim) => {
                    let later = is_retried.then(|| chrono::Utc::now() + LEASE);
                    db::fail_scan(&**db, &claim, reason, later).await.unwrap().to_string()
                }
                None => "false".into(),
            },
            Self::Release(n) => match claim(*n) {
                Some(claim) => db::release_scan(&**db, &claim).await.unwrap().to_string(),
                None => "false".into(),
            },
            Self::Cancel(n) => match names.runs.get(*n) {
                Some(run) => db::request_scan_cancel(&**db, *run).await.unwrap().to_string(),
                None => "false".into(),
            },
            Self::CancelGuild(guild) => cancel(db, CancelScope::Guild((*guild).into())).await,
            Self::CancelChannels(channels) => {
                let channels: Vec<_> = channels.iter().map(|channel| (*channel).into()).collect();
                cancel(db, CancelScope::Channels(&channels)).await
            }
            Self::Purge(keep) => db::purge_finished_scan_runs(&**db, Duration::ZERO, *keep).await.unwrap().to_string(),
            Self::Stats => {
                let stats = db::scan_queue_stats(&**db).await.unwrap();
                format!("{} {} {} {}", stats.queued, stats.delayed, stats.running, stats.expired)
            }
            Self::Page(call) => call.on_database(db, names).await,
        }
    }

    pub fn on_model(&self, model: &mut Model) -> String {
        match self {
            Self::Request(channel, after) => model.request(*channel, *after),
            Self::Read(channel, is_reading) => {
                model.channels.get_mut(channel).expect("it is stored").is_silent = !is_reading;
                "Some(true)".into()
            }
            Self::Claim => model.claim(),
            Self::Expire(run) => {
                if let Some(run) = model.runs.get_mut(*run).and_then(Option::as_mut) {
                    run.has_expired = run.status == "running";
                }
                String::new()
            }
            Self::Renew(claim) => match model.claimed(*claim) {
                Some((run, token)) if run.holds(token) && run.is_to_be_canceled => "CancelRequested".into(),
                Some((run, token)) if run.holds(token) => "Held".into(),
                _ => "Lost".into(),
            },
            Self::Complete(claim) => model.complete(*claim).to_string(),
            Self::Fail { claim, reason, is_retried } => model.fail(*claim, reason, *is_retried).to_string(),
            Self::Release(claim) => model.release(*claim).to_string(),
            Self::Cancel(run) => {
                let run = model.runs.get_mut(*run).and_then(Option::as_mut);
                run.is_some_and(Run::cancel).to_string()
            }
            Self::CancelGuild(guild) => {
                let channels = CHANNELS.iter().filter(|(of, _)| of == guild).map(|(_, channel)| *channel);
                model.cancel(&channels.collect()).to_string()
            }
            Self::CancelChannels(channels) => model.cancel(&channels.iter().copied().collect()).to_string(),
            Self::Purge(keep) => model.purge(*keep).to_string(),
            Self::Stats => model.stats(),
            Self::Page(call) => call.on_model(model),
        }
    }
}

async fn cancel(db: &TestDatabase, scope: CancelScope<'_>) -> String {
    db::cancel_scans(&**db, scope).await.unwrap().to_string()
}

impl Run {
    /// Returns whether the run was queued or running.
    fn cancel(&mut self) -> bool {
        let is_active = self.is_active();
        if is_active {
            self.is_to_be_canceled = true;
            if self.status == "queued" {
                self.status = "canceled";
            }
        }
        is_active
    }
}

impl Model {
    fn request(&mut self, channel: u64, after: Option<u64>) -> String {
        if self.channels[&channel].is_silent {
            return "NotReading".into();
        }
        let is_equal =
            |run: &Run| run.is_active() && !run.is_to_be_canceled && (run.channel, run.after) == (channel, after);
        if let Some(active) = self.runs.iter().position(|run| run.as_ref().is_some_and(is_equal)) {
            return format!("active {active}");
        }
        self.runs.push(Some(Run { channel, after, status: "queued", ..Run::default() }));
        "enqueued".into()
    }

    fn claim(&mut self) -> String {
        let mut claimed = Vec::new();
        for (number, run) in self.runs.iter_mut().enumerate() {
            let Some(run) = run else { continue };
            let has_expired = run.status == "running" && run.has_expired;
            if has_expired && run.is_to_be_canceled {
                (run.status, run.token) = ("canceled", run.token + 1);
            } else if has_expired || (run.status == "queued" && !run.is_delayed) {
                (run.status, run.has_expired) = ("running", false);
                (run.token, run.attempts) = (run.token + 1, run.attempts + 1);
                claimed.push((number, run.token, run.attempts));
            }
        }
        self.claims.extend(claimed.iter().map(|(number, token, _)| (*number, *token)));
        format!("{claimed:?}")
    }

    fn complete(&mut self, claim: usize) -> bool {
        let Some((run, token)) = self.claimed(claim) else { return false };
        if run.holds(token) {
            run.status = "succeeded";
        }
        run.status == "succeeded"
    }

    fn fail(&mut self, claim: usize, reason: &str, is_retried: bool) -> bool {
        let Some((run, token)) = self.claimed(claim) else { return false };
        if !run.holds(token) {
            return matches!(run.status, "failed" | "queued" | "canceled") && run.error == reason;
        }
        run.error = reason.to_owned();
        run.status = match (run.is_to_be_canceled, is_retried) {
            (true, _) => "canceled",
            (false, true) => "queued",
            (false, false) => "failed",
        };
        run.is_delayed = is_retried;
        true
    }

    fn release(&mut self, claim: usize) -> bool {
        let Some((run, token)) = self.claimed(claim) else { return false };
        if run.holds(token) {
            run.status = if run.is_to_be_canceled { "canceled" } else { "queued" };
            run.attempts -= 1;
            return true;
        }
        run.status == "queued" || (run.status == "canceled" && run.is_to_be_canceled)
    }

    fn cancel(&mut self, channels: &BTreeSet<u64>) -> usize {
        let runs = self.runs.iter_mut().flatten().filter(|run| channels.contains(&run.channel));
        runs.map(Run::cancel).filter(|is_active| *is_active).count()
    }

    /// The newest of each channel stay, and those that are not finished.
    fn purge(&mut self, keep: u32) -> usize {
        let mut deleted = 0;
        for (_, channel) in CHANNELS {
            let of_channel = |run: &&mut Option<Run>| run.as_ref().is_some_and(|run| run.channel == channel);
            let newest_first = self.runs.iter_mut().rev().filter(of_channel);
            for run in newest_first.skip(usize::try_from(keep).expect("the number is small")) {
                if run.as_ref().is_some_and(|run| !run.is_active()) {
                    *run = None;
                    deleted += 1;
                }
            }
        }
        deleted
    }

    fn stats(&self) -> String {
        let count = |is_so: fn(&Run) -> bool| self.runs.iter().flatten().filter(|run| is_so(run)).count();
        let queued = count(|run| run.status == "queued" && !run.is_delayed);
        let delayed = count(|run| run.status == "queued" && run.is_delayed);
        let running = count(|run| run.status == "running" && !run.has_expired);
        let expired = count(|run| run.status == "running" && run.has_expired);
        format!("{queued} {delayed} {running} {expired}")
    }
}
