//! The task that drives a connection, whoever uses it. It closes the connection when that is silent: something is awaited,
//! no byte moves, and the server is not at work on it.
//!
//! Only the server can tell a long statement from a lost answer, and only a new connection can ask it: the silent one gives
//! no answer, and others may be silent, too. What a server answers is a fact about one session; that it answers nobody is a
//! fact about the server, and ends the epoch.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::{AsyncMessage, Error as PgError};
use tracing::{debug, warn};

use super::connect::{PgConnection, Traffic};
use super::epoch::Epoch;
use super::server_check::{Answer, CHECK_TIMEOUT, ServerCheck};

/// How often a connection is looked at: so many times before it counts as silent, and at least every ten seconds.
const POLLS: u32 = 8;
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// How slow a network may be, in bytes a second: what was sent counts as being on its way for so long. The system, and
/// whatever is between, take megabytes at once that are sent on much later.
const SLOWEST_UPLOAD: u64 = 64 << 10;

/// What happens on a session.
#[derive(Default)]
pub(crate) struct Activity {
    under_way: AtomicUsize,
    /// Dropped before they ended: the server may be at work on them.
    abandoned: AtomicUsize,
    is_silent: AtomicBool,
    /// A write was refused because the transaction was read-only.
    is_read_only: AtomicBool,
    close_reason: Mutex<Option<PgError>>,
    traffic: Arc<Traffic>,
    pub(super) epoch: Epoch,
}

impl Activity {
    pub(super) fn of(epoch: Epoch, traffic: Arc<Traffic>) -> Self {
        Self { traffic, epoch, ..Self::default() }
    }

    pub(crate) fn begin(&self) -> Call<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Call { activity: self, has_ended: false }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) > 0
    }

    /// The calls that were dropped are done.
    pub(super) fn forget(&self) {
        self.abandoned.store(0, Ordering::Relaxed);
    }

    /// Whether it was closed because its server gave no answer: what was sent there may still arrive.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    pub(super) fn close_reason(&self) -> Option<PgError> {
        self.close_reason.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn note_read_only(&self) {
        self.is_read_only.store(true, Ordering::Relaxed);
    }

    fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }
}

/// A call that is under way, until it ends or is dropped.
pub(crate) struct Call<'a> {
    activity: &'a Activity,
    has_ended: bool,
}

impl Call<'_> {
    pub(super) fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let Activity { under_way, abandoned, .. } = self.activity;
        under_way.fetch_sub(1, Ordering::Relaxed);
        if !self.has_ended {
            abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// When a connection is silent, and how that is verified.
pub(super) struct Watch {
    /// How long no byte may move; `None` for any time.
    pub(super) limit: Option<Duration>,
    pub(super) check: ServerCheck,
}

/// Drives a connection until it ends, nobody uses it any more, or it is silent. `hear` gets notices and notifications.
pub(super) fn drive(
    mut connection: PgConnection,
    activity: Arc<Activity>,
    watch: Watch,
    hear: impl FnMut(AsyncMessage) + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let end = match select(pin!(move_bytes(&mut connection, hear)), pin!(watch.end(&activity))).await {
            Either::Left((end, _)) | Either::Right((end, _)) => end,
        };
        // Before the connection is dropped: whoever is told that it is closed finds the cause.
        activity.close(end);
        drop(connection);
        watch.check_writes(&activity).await;
    })
}

async fn move_bytes(connection: &mut PgConnection, mut hear: impl FnMut(AsyncMessage)) -> End {
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(message)) => hear(message),
            Some(Err(error)) => return End::Broken(error),
            None => return End::Regular,
        }
    }
}

/// How a connection ends.
enum End {
    Regular,
    Broken(PgError),
    Silent {
        server_answers: bool,
    },
    /// Nobody uses it, and yet it did not end by itself.
    Unused,
}

impl Activity {
    fn close(&self, end: End) {
        match end {
            End::Regular => {}
            End::Broken(error) => {
                debug!(%error, "a connection has ended");
                *self.close_reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            End::Silent { server_answers } => {
                warn!(server_answers, "PostgreSQL gives no answer on a connection, which is closed");
                self.is_silent.store(true, Ordering::Relaxed);
                if !server_answers {
                    self.epoch.moves_on();
                }
            }
            End::Unused => debug!("a connection could not be closed in time"),
        }
    }
}

impl Watch {
    /// Until the connection is silent, or nobody uses it. One timer for the connection: no call has a timer of its own.
    async fn end(&self, activity: &Arc<Activity>) -> End {
        let Activity { traffic, epoch, .. } = &**activity;
        let interval = self.limit.map_or(POLL_INTERVAL, |limit| (limit / POLLS).min(POLL_INTERVAL));
        let (mut still, mut moved, mut answers) = (Duration::ZERO, traffic.moved(), epoch.answers());
        loop {
            sleep(interval).await;
            if Arc::strong_count(activity) == 1 {
                return End::Unused;
            }
            if activity.is_under_way() && traffic.moved() == moved {
                still += interval;
            } else {
                (still, moved, answers) = (Duration::ZERO, traffic.moved(), epoch.answers());
            }
            let Some(limit) = self.limit.filter(|limit| still + CHECK_TIMEOUT > *limit) else { continue };
            match self.check.ask().await {
                // A full server tells nothing, but it runs, and TCP notices if this connection leads nowhere.
                Answer::Facts { is_at_work: true, .. } | Answer::Full => still = Duration::ZERO,
                _ if traffic.moved() != moved => {}
                Answer::Silence => return End::Silent { server_answers: epoch.answers() != answers },
                _ if still < limit + upload_time(traffic.unanswered()) => {}
                Answer::Facts { .. } | Answer::Refused => return End::Silent { server_answers: true },
            }
        }
    }

    /// Asks whether the server takes no writes, if one was refused. The transaction may as well have been made read-only by
    /// the caller: that is no reason for the whole pool to go elsewhere.
    async fn check_writes(&self, activity: &Activity) {
        let is_doubtful = activity.is_read_only.load(Ordering::Relaxed) && !activity.epoch.is_over();
        if is_doubtful && matches!(self.check.ask().await, Answer::Facts { is_read_only: true, .. }) {
            activity.epoch.moves_on();
        }
    }
}

fn upload_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_UPLOAD)
}
