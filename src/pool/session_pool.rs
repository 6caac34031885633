//! The pool's sessions: those that are free, and how new ones are opened. A call waits for whatever comes first: a session that
//! another call returns, or a new one. So no call waits for a connection that cannot be opened while others come free.

use std::iter;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::Status;
use deadpool::unmanaged::{Object, Pool};
use futures::future::{Either, select};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::pins::Pins;
use super::session::Session;
use super::sessions::Sessions;
use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// How long no session is opened ahead after the server has refused one: the calls have those that are open.
const PAUSE_AHEAD: Duration = Duration::from_mins(1);

/// A session that a call holds. Dropping it returns it. Boxed: it is moved about a dozen times per call.
pub(super) type HeldSession = Object<Box<Session>>;

/// The sessions of a [`Db`](crate::Db). Clones share them.
#[derive(Clone)]
pub(super) struct SessionPool {
    /// Calls get the free sessions in the order in which they wait. The session that was used last is taken first: its prepared
    /// statements and caches are warm.
    free: Pool<Box<Session>>,
    /// One for each session that may be open.
    places: Arc<Semaphore>,
    pub(super) sessions: Arc<Sessions>,
    /// From when a session may be opened that no call waits for. `None` while one is being opened.
    ahead: Arc<Mutex<Option<Instant>>>,
    /// The epoch in which stale sessions were last closed.
    cleaned_epoch: Arc<AtomicU64>,
    /// Stops sessions that are being opened.
    end: CancellationToken,
}

impl SessionPool {
    pub(super) fn of(config: &Config, sets_pins: bool) -> Result<Self, Error> {
        Ok(Self {
            free: Pool::new(config.pool_max),
            places: Arc::new(Semaphore::new(config.pool_max)),
            sessions: Arc::new(Sessions::of(config, Pins::of(config, sets_pins))?),
            ahead: Arc::new(Mutex::new(Some(Instant::now()))),
            cleaned_epoch: Arc::default(),
            end: CancellationToken::new(),
        })
    }

    pub(super) fn status(&self) -> Status {
        self.free.status()
    }

    /// A free session; `None` if there is none. It sets no timer, which would take as long as the checkout itself.
    pub(super) async fn free_session(&self) -> Option<HeldSession> {
        self.close_stale();
        while let Ok(session) = self.free.try_get() {
            if !session.is_spent() && session.survives().await {
                return Some(session);
            }
            drop(Object::take(session));
        }
        None
    }

    /// Waits for a session that is returned or opened. After the deadline only for one that is being opened.
    pub(super) async fn next_session(&self, deadline: Instant) -> Result<HeldSession, Error> {
        let mut refused = None;
        let mut free = pin!(self.free.get());
        loop {
            let error = match select(free.as_mut(), pin!(self.open_until_refused(deadline))).await {
                Either::Left((Ok(session), _)) => {
                    // It was opened or returned a moment ago, so it needs no test. On a server that accepts no writes, where
                    // epochs end all the time, calls would find no session that passes one.
                    if !session.has_failed() && (session.is_driven_here() || session.survives().await) {
                        return Ok(session);
                    }
                    drop(Object::take(session));
                    free.set(self.free.get());
                    continue;
                }
                Either::Left((Err(_), _)) => Error::new(ErrorKind::Closed),
                Either::Right((error, _)) => error,
            };
            match error.kind() {
                ErrorKind::Closed => return Err(error),
                ErrorKind::PoolTimeout => return Err(refused.unwrap_or(error)),
                _ if self.sessions.server.has_sessions() => refused = Some(error),
                _ => return Err(error),
            }
        }
    }

    /// Opens sessions for the calls that wait, until that fails. Returns the reason.
    async fn open_until_refused(&self, deadline: Instant) -> Error {
        loop {
            let place = match timeout_at(deadline, self.place()).await {
                Ok(Ok(place)) => place,
                Ok(Err(_)) => return Error::new(ErrorKind::Closed),
                Err(_) => return Error::new(ErrorKind::PoolTimeout),
            };
            // In a task of its own: if this call gets another session, the new one is for the next call.
            match tokio::spawn(self.clone().open(place)).await {
                Ok(Ok(())) => {} // a call that has waited longer may have taken it
                Ok(Err(error)) => return error,
                Err(_) => {
                    self.sessions.server.was_asked(false);
                    return Error::new(ErrorKind::Connection)
                        .with_reason("opening a connection has panicked, or its runtime has ended");
                }
            }
        }
    }

    /// Opens one more session in the background, if there is a place for it: no call waits for it, but there is enough to do for
    /// one more. Does nothing while it opens another one, and for a while after the server has refused one.
    pub(super) fn open_ahead(&self) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.is_none_or(|moment| moment > Instant::now()) {
            return;
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        *ahead = None;
        let (pool, next) = (self.clone(), self.ahead.clone());
        tokio::spawn(async move {
            let pause = if pool.open(place).await.is_ok() { Duration::ZERO } else { PAUSE_AHEAD };
            *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause);
        });
    }

    /// A place for one more session, when the server is to be asked for one.
    async fn place(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        let place = self.places.clone().acquire_owned().await?;
        self.sessions.server.until_worth_asking().await;
        Ok(place)
    }

    async fn open(self, place: OwnedSemaphorePermit) -> Result<(), Error> {
        let opened = self.end.run_until_cancelled(self.sessions.open(place)).await;
        let session = opened.unwrap_or_else(|| Err(Error::new(ErrorKind::Closed)))?;
        _ = self.free.try_add(session); // there is room: it has a place
        if self.places.is_closed() {
            self.close_free();
        }
        Ok(())
    }

    /// Closes the free sessions of earlier epochs. They would stay open until somebody takes them.
    fn close_stale(&self) {
        let (epoch, cleaned) = (self.sessions.server.epochs(), &self.cleaned_epoch);
        if cleaned.load(Ordering::Relaxed) != epoch && cleaned.swap(epoch, Ordering::Relaxed) != epoch {
            let all: Vec<_> = self.take_free().collect();
            all.into_iter().filter(|session| session.is_spent()).map(Object::take).for_each(drop);
        }
    }

    /// Closes the sessions, also those that are being opened, when no call holds one or waits for one. From now on, opens
    /// nothing and gives out no session.
    pub(super) fn close(&self) {
        self.places.close();
        self.end.cancel();
        self.close_free();
    }

    fn close_free(&self) {
        self.take_free().map(Object::take).for_each(drop);
    }

    fn take_free(&self) -> impl Iterator<Item = HeldSession> {
        iter::from_fn(|| self.free.try_get().ok())
    }
}
