//! What migrating reports while it goes on.

use std::fmt;
use std::time::Duration;

use tracing::warn;

use super::sessions::{BlockingSession, listed};

/// A step of migrating, as [`apply`](super::apply) reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A file was applied or recorded.
    Applied(Applied),
    /// Other sessions hold back a file, or another program is migrating.
    Waiting(Waiting),
    /// A session that was idle in transaction was ended, as
    /// [`apply_ending_idle`](super::apply_ending_idle) was asked to do.
    Ended(BlockingSession),
    /// A session could not be ended, and why.
    NotEnded(BlockingSession, String),
}

/// A migration that was just applied or, in a database that the Python programs made, recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The number behind `V`.
    pub version: i32,
    /// The name behind `__`.
    pub name: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was only recorded, because the tables already existed.
    pub is_adopted: bool,
}

/// A wait for other sessions. It is reported when it has lasted half a second, when other sessions hold it back than before,
/// and every 10 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The file that has to wait, such as `V5__drop_shorter_indexes`. `None`: another program is migrating.
    pub file: Option<String>,
    /// The sessions that it waits for.
    pub sessions: Vec<BlockingSession>,
    /// Why `sessions` is empty, if it is.
    pub unlisted: Option<String>,
    /// How long it has waited by now.
    pub elapsed: Duration,
}

impl fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elapsed = self.elapsed.as_secs_f64();
        let what = match &self.file {
            Some(file) => format!("{file} has waited {elapsed:.1} s for locks or snapshots of other sessions"),
            None => format!("waiting for {elapsed:.1} s for another program that is migrating"),
        };
        write!(formatter, "{what}: {}", self.sessions_or_reason())
    }
}

impl Waiting {
    /// The sessions, or why they are unknown.
    pub(super) fn sessions_or_reason(&self) -> String {
        match &self.unlisted {
            Some(reason) if self.sessions.is_empty() => format!("which sessions is unknown: {reason}"),
            _ => listed(&self.sessions),
        }
    }
}

/// Logs a wait for other sessions as a warning.
pub(super) fn log(progress: Progress) {
    if let Progress::Waiting(waiting) = progress {
        warn!("{waiting}");
    }
}
