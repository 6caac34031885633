//! The task that drives a connection, in the pool or outside. It closes a silent connection: something is awaited, no
//! byte moves, and the server is not running a statement of it.
//!
//! Only the server can tell a long statement from a lost answer, and only a new connection can ask it: the silent one
//! does not answer, and others may be silent, too. The server's answer is a fact about one session. If it answers no
//! connection, that is a fact about the server, and ends the epoch.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Error as PgError};
use tracing::{debug, warn};

use super::clock::Clock;
use super::connect::PgConnection;
use super::epoch::Epoch;
use super::server_check::{Answer, CHECK_TIMEOUT, ServerCheck};
use super::stream::Traffic;
use crate::error::{Error, ErrorKind};

/// A connection is checked about `POLLS` times before it counts as silent, and at least once every `POLL_INTERVAL`.
const POLLS: u32 = 8;
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// The slowest network that we allow for, in bytes a second: sent data counts as on its way for that long. The system
/// and proxies accept megabytes at once and send them on much later.
const SLOWEST_UPLOAD: u64 = 64 << 10;

/// The calls and bytes on a session, and how it ended.
#[derive(Default)]
pub(crate) struct Activity {
    under_way: AtomicUsize,
    /// Calls that were dropped before they ended: the server may still run them.
    abandoned: AtomicUsize,
    is_silent: AtomicBool,
    /// A write was refused because the transaction was read-only.
    is_read_only: AtomicBool,
    close_reason: Mutex<Option<PgError>>,
    traffic: Arc<Traffic>,
    pub(super) epoch: Epoch,
    /// The process id of the session's backend, or the one that a pooler made up.
    backend: AtomicI32,
}

impl Activity {
    pub(super) fn of(epoch: Epoch, traffic: Arc<Traffic>, backend: i32) -> Self {
        Self { traffic, epoch, backend: backend.into(), ..Self::default() }
    }

    /// Corrects the process id, on a session that keeps its backend for as long as it lives.
    pub(crate) fn set_backend(&self, pid: i32) {
        self.backend.store(pid, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) -> Call<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Call { activity: self, has_ended: false }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) > 0
    }

    /// The dropped calls have ended.
    pub(super) fn forget(&self) {
        self.abandoned.store(0, Ordering::Relaxed);
    }

    /// Whether it was closed because its server did not answer: what was sent may still arrive.
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

/// When a connection counts as silent.
#[derive(Clone)]
pub(crate) struct Silence {
    /// How long no byte may move; `None` for no limit.
    limit: Option<Duration>,
    interval: Duration,
    clock: Clock,
}

impl Silence {
    /// Starts a clock for all connections that get a clone of this.
    pub(super) fn of(limit: Option<Duration>) -> Result<Self, Error> {
        let interval = limit.map_or(POLL_INTERVAL, |limit| (limit / POLLS).min(POLL_INTERVAL));
        let clock = Clock::start(interval).map_err(|error| {
            Error::new(ErrorKind::Connection).with_reason(format!("no thread can be started to watch it: {error}"))
        })?;
        Ok(Self { limit, interval, clock })
    }
}

/// Watches a connection for silence.
pub(super) struct Watch {
    pub(super) silence: Silence,
    /// How silence is verified.
    pub(super) check: ServerCheck,
}

/// Drives a connection until it ends, is no longer used, or is silent. `hear` gets notices and notifications.
pub(super) fn drive(
    connection: PgConnection,
    activity: Arc<Activity>,
    mut watch: Watch,
    hear: impl FnMut(AsyncMessage) + Send + 'static,
) -> JoinHandle<()> {
    let open = activity.epoch.count_open();
    tokio::spawn(async move {
        // A task of its own: in this one, each message would also poll the watch.
        let mut moving = tokio::spawn(move_bytes(Box::new(connection), hear));
        // The connection is dropped after its end is noted, so that a call that then fails finds the cause.
        match select(&mut moving, pin!(watch.end(&activity))).await {
            Either::Left((Ok((end, _connection)), _)) => activity.close(end),
            Either::Left((Err(error), _)) => debug!(%error, "the task of a connection has ended"), // its runtime ends
            Either::Right((end, moving)) => {
                activity.close(end);
                moving.abort();
                _ = moving.await;
            }
        }
        drop(open);
        watch.check_writes(&activity).await;
    })
}

/// The connection is boxed: tokio copies a task's result at every poll.
async fn move_bytes(mut connection: Box<PgConnection>, mut hear: impl FnMut(AsyncMessage)) -> (End, Box<PgConnection>) {
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(message)) => hear(message),
            Some(Err(error)) => return (End::Broken(error), connection),
            None => return (End::Regular, connection),
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
    /// It is no longer used, but did not end by itself.
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
                warn!(server_answers, "PostgreSQL does not answer on a connection, which is closed");
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
    /// Waits until the connection is silent or no longer used.
    async fn end(&mut self, activity: &Arc<Activity>) -> End {
        let Activity { traffic, epoch, .. } = &**activity;
        let Silence { limit, interval, clock } = &mut self.silence;
        let (mut still, mut moved, mut answers) = (Duration::ZERO, traffic.moved(), epoch.answers());
        loop {
            let looked = Instant::now();
            clock.tick().await;
            // Less after a question that took long; no more if the program itself stood still.
            let passed = looked.elapsed().min(*interval);
            if Arc::strong_count(activity) == 1 {
                return End::Unused;
            }
            if activity.is_under_way() && traffic.moved() == moved {
                still += passed;
            } else {
                (still, moved, answers) = (Duration::ZERO, traffic.moved(), epoch.answers());
            }
            let Some(limit) = limit.filter(|limit| still + CHECK_TIMEOUT > *limit) else { continue };
            match self.check.ask(activity.backend.load(Ordering::Relaxed)).await {
                // A full server says nothing about the session, but it runs, and TCP notices a dead connection.
                Answer::Facts { is_running: true, .. } | Answer::Full => still = Duration::ZERO,
                _ if traffic.moved() != moved => {}
                Answer::Silence => return End::Silent { server_answers: epoch.answers() != answers },
                _ if still < limit + upload_time(traffic.unanswered()) => {}
                Answer::Facts { .. } | Answer::Refused => return End::Silent { server_answers: true },
            }
        }
    }

    /// If a write was refused, asks whether the server accepts no writes. The caller may have made the transaction
    /// read-only: then the pool stays with this server.
    async fn check_writes(&self, activity: &Activity) {
        let is_doubtful = activity.is_read_only.load(Ordering::Relaxed) && !activity.epoch.is_over();
        if is_doubtful
            && matches!(
                self.check.ask(activity.backend.load(Ordering::Relaxed)).await,
                Answer::Facts { is_read_only: true, .. }
            )
        {
            activity.epoch.moves_on();
        }
    }
}

fn upload_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_UPLOAD)
}
