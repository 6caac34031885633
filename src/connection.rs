//! A connection that was taken from the pool, and how it goes back there.

use std::fmt;
use std::ops::Deref;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::session::{Session, Sessions};

/// A connection of the pool, for several calls in a row: repository functions run on it as on [`Db`](crate::Db).
///
/// When it is dropped while the server is at work on a call whose future was dropped, nobody else gets it before that has
/// ended; what does not end at once is canceled on the server, and the connection closed.
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
            settle(session, &self.running, false);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            settle(session, &self.running, true);
        }
    }
}

/// Gives a session back to the pool or, if it is not to be kept, closes it; before that, sees to what was dropped on it.
fn settle(session: Object<Sessions>, running: &TaskTrackerToken, is_kept: bool) {
    let release = |session, is_kept| if is_kept { drop(session) } else { drop(Object::take(session)) };
    if !session.is_busy() {
        return release(session, is_kept);
    }
    let Ok(runtime) = Handle::try_current() else {
        return release(session, false); // nobody is there to wait for the server
    };
    let running = running.clone();
    runtime.spawn(async move {
        let is_free = session.settle().await;
        release(session, is_kept && is_free);
        drop(running);
    });
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
