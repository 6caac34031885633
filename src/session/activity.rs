//! What is under way on a session, and the task that drives its connection: it closes one that gives no answer any more.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_postgres::{Connection, Error as PgError};
use tracing::{debug, warn};

use super::sessions::Epoch;

/// How often the task looks whether answers come, in the time that one may take.
const LOOKS: u32 = 8;

/// How often it looks whether anybody uses the connection, where an answer may take any time.
const SELDOM: Duration = Duration::from_secs(10);

/// Calls of a session.
#[derive(Default)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    ended: AtomicU64,
    last_words: Mutex<Option<PgError>>,
}

impl Activity {
    pub(super) fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn last_words(&self) -> Option<PgError> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The calls that were dropped are done.
    pub(super) fn forget(&self) {
        self.under_way.store(0, Ordering::Relaxed);
    }
}

/// Drives a connection until it ends, its session is gone, or its server gives no answer for so long (`None`: for ever).
pub(super) async fn drive<S, T>(
    connection: Connection<S, T>,
    activity: Arc<Activity>,
    limit: Option<Duration>,
    epoch: Epoch,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // By reference: whoever is told that the connection is closed finds the cause.
    let mut connection = pin!(connection);
    match select(connection.as_mut(), pin!(silence(&activity, limit))).await {
        Either::Left((Ok(()), _)) => {}
        Either::Left((Err(error), _)) => {
            debug!(%error, "a connection has ended");
            *activity.last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        Either::Right((Silence::Server, _)) => {
            warn!(?limit, "PostgreSQL gives no answer, its connections are closed");
            epoch.ends();
        }
        Either::Right((Silence::Client, _)) => debug!("a connection could not be closed in time"),
    }
}

/// Who has nothing more to say.
enum Silence {
    Server,
    Client,
}

/// Until a call has been waiting so long without any answer to its session, or the session is gone. One timer for the
/// connection: no call has a timer of its own.
async fn silence(activity: &Arc<Activity>, limit: Option<Duration>) -> Silence {
    let pause = limit.map_or(SELDOM, |limit| limit / LOOKS);
    let (mut ended, mut looks) = (activity.ended(), 0);
    loop {
        sleep(pause).await;
        if Arc::strong_count(activity) == 1 {
            return Silence::Client;
        }
        let before = std::mem::replace(&mut ended, activity.ended());
        looks = if activity.is_under_way() && before == ended { looks + 1 } else { 0 };
        if limit.is_some() && looks > LOOKS {
            return Silence::Server;
        }
    }
}
