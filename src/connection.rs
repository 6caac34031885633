//! A connection that was taken from the pool, and how it goes back there.

use std::fmt;
use std::ops::Deref;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::session::{Session, Sessions};

/// A connection of the pool, for several calls in a row: repository functions run on it as on [`Db`](crate::Db).
///
/// When it is dropped while the server is at work on a call whose future was dropped, the server is told to cancel that;
/// only then does somebody else get the connection.
pub struct Connection {
    /// `None` once it was given away.
    session: Option<Object<Sessions>>,
    running: TaskTrackerToken,
}

impl Connection {
    pub(crate) fn new(session: Object<Sessions>, running: TaskTrackerToken) -> Self {
        Self { session: Some(session), running }
    }

    /// Takes the connection out of the pool for good: the session is closed, and the pool makes a new one.
    pub(crate) fn discard(mut self) {
        if let Some(session) = self.session.take() {
            end(session, self.running.clone());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(session) = self.session.take().filter(|session| session.is_busy()) else { return };
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(session)); // nobody is there to wait for the server
            return;
        };
        let running = self.running.clone();
        runtime.spawn(async move {
            if !session.settle().await {
                drop(Object::take(session));
            }
            drop(running);
        });
    }
}

/// Closes a session, and cancels on the server what was dropped on it.
fn end(session: Object<Sessions>, running: TaskTrackerToken) {
    match Handle::try_current() {
        Ok(runtime) if session.is_busy() => {
            _ = runtime.spawn(async move {
                session.settle().await;
                drop((Object::take(session), running));
            });
        }
        _ => drop(Object::take(session)),
    }
}

impl Deref for Connection {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
            .as_deref()
            .expect("only drop and discard take the session, and nobody has the connection after them")
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}
