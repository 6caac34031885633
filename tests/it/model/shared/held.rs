//! The calls of a worker that holds a claim, or has lost it.

use clip_saver_db::{ScanClaim, repositories as db};
use proptest::prelude::*;
use proptest::sample::select;

use super::state::Run;
use crate::support::TestDatabase;
use crate::support::scans::LEASE;

#[derive(Debug, Clone)]
pub enum Held {
    Renew,
    Complete,
    Fail { reason: &'static str, is_retried: bool },
    Release,
}

impl Held {
    pub fn any() -> impl Strategy<Value = Self> {
        let fail = (select(vec!["x", "y"]), any::<bool>());
        prop_oneof![
            Just(Self::Renew),
            Just(Self::Complete),
            fail.prop_map(|(reason, is_retried)| Self::Fail { reason, is_retried }),
            Just(Self::Release),
        ]
    }

    pub async fn on_database(&self, db: &TestDatabase, claim: Option<&ScanClaim>) -> String {
        let Some(claim) = claim else { return self.lost() };
        let holds = match self {
            Self::Renew => return format!("{:?}", db::renew_scan_lease(&**db, claim, LEASE).await.unwrap()),
            Self::Complete => db::complete_scan(&**db, claim).await,
            Self::Fail { reason, is_retried } => {
                let later = is_retried.then(|| chrono::Utc::now() + LEASE);
                db::fail_scan(&**db, claim, reason, later).await
            }
            Self::Release => db::release_scan(&**db, claim).await,
        };
        holds.unwrap().to_string()
    }

    /// `run`: the claim's run and token, unless somebody has claimed it since.
    pub fn on_model(&self, run: Option<(&mut Run, i64)>) -> String {
        let Some((run, token)) = run else { return self.lost() };
        let holds = run.holds(token);
        let is_done = match self {
            Self::Renew if !holds => return self.lost(),
            Self::Renew => return if run.is_to_be_canceled { "CancelRequested" } else { "Held" }.into(),
            Self::Complete => run.complete(holds),
            Self::Fail { reason, is_retried } => run.fail(holds, reason, *is_retried),
            Self::Release => run.release(holds),
        };
        is_done.to_string()
    }

    fn lost(&self) -> String {
        if matches!(self, Self::Renew) { "Lost" } else { "false" }.into()
    }
}

/// A call that has been made counts again.
impl Run {
    fn complete(&mut self, holds: bool) -> bool {
        if holds {
            self.status = "succeeded";
        }
        self.status == "succeeded"
    }

    fn fail(&mut self, holds: bool, reason: &str, is_retried: bool) -> bool {
        if !holds {
            return matches!(self.status, "failed" | "queued" | "canceled") && self.error == reason;
        }
        self.error = reason.into();
        self.status = match (self.is_to_be_canceled, is_retried) {
            (true, _) => "canceled",
            (false, true) => "queued",
            (false, false) => "failed",
        };
        self.is_delayed = is_retried;
        true
    }

    fn release(&mut self, holds: bool) -> bool {
        if !holds {
            return self.status == "queued" || (self.status == "canceled" && self.is_to_be_canceled);
        }
        self.status = if self.is_to_be_canceled { "canceled" } else { "queued" };
        self.attempts -= 1;
        true
    }
}
