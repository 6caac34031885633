//! What is under way on a session, and the task that drives its connection: it closes one that gives no answer any more.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_postgres::{Connection, Error as PgError};
use tracing::{debug, warn};

use super::epoch::Epoch;

/// How often the task looks whether answers come, in the time that one may take, and at least.
const LOOKS: u32 = 8;
const SELDOM: Duration = Duration::from_secs(10);

/// Calls of a session.
pub(super) struct Activity {
    under_way: AtomicUsize,
    /// Dropped before they ended: the server may be at work on them.
    abandoned: AtomicUsize,
    ended: AtomicU64,
    is_silent: AtomicBool,
    close_reason: Mutex<Option<PgError>>,
    epoch: Epoch,
}

impl Activity {
    pub(super) fn of(epoch: Epoch) -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            close_reason: Mutex::default(),
            epoch,
        }
    }

    pub(super) fn begin(&self) -> Call<'_> {
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

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A call that is under way, until it ends or is dropped.
pub(super) struct Call<'a> {
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
        let Activity { under_way, abandoned, ended, epoch, .. } = self.activity;
        under_way.fetch_sub(1, Ordering::Relaxed);
        if self.has_ended {
            ended.fetch_add(1, Ordering::Relaxed);
            epoch.answered();
        } else {
            abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Drives a connection until it ends, its session is gone, or its server gives no answer for so long (`None`: for ever).
pub(super) async fn drive<S, T>(connection: Connection<S, T>, activity: Arc<Activity>, limit: Option<Duration>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // By reference: whoever is told that the connection is closed finds the cause.
    let mut connection = pin!(connection);
    match select(connection.as_mut(), pin!(silence(&activity, limit))).await {
        Either::Left((Ok(()), _)) => {}
        Either::Left((Err(error), _)) => {
            debug!(%error, "a connection has ended");
            *activity.close_reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        Either::Right((Silence::Server { answers_others }, _)) => {
            warn!(?limit, "PostgreSQL gives no answer on a connection, which is closed");
            activity.is_silent.store(true, Ordering::Relaxed);
            if !answers_others {
                activity.epoch.moves_on();
            }
        }
        Either::Right((Silence::Client, _)) => debug!("a connection could not be closed in time"),
    }
}

/// Who has nothing more to say.
enum Silence {
    Server { answers_others: bool },
    Client,
}

/// Until a call has been waiting so long without any answer to its session, or the session is gone. One timer for the
/// connection: no call has a timer of its own.
async fn silence(activity: &Arc<Activity>, limit: Option<Duration>) -> Silence {
    let pause = limit.map_or(SELDOM, |limit| (limit / LOOKS).min(SELDOM));
    let (mut quiet, mut ended, mut answers) = (Duration::ZERO, activity.ended(), activity.epoch.answers());
    loop {
        sleep(pause).await;
        if Arc::strong_count(activity) == 1 {
            return Silence::Client;
        }
        if activity.is_under_way() && activity.ended() == ended {
            quiet += pause;
        } else {
            (quiet, ended, answers) = (Duration::ZERO, activity.ended(), activity.epoch.answers());
        }
        if limit.is_some_and(|limit| quiet > limit) {
            return Silence::Server { answers_others: activity.epoch.answers() != answers };
        }
    }
}
