//! A connection from the pool, and how it is returned.

use std::fmt;
use std::ops::Deref;

use deadpool::unmanaged::Object;
use futures::TryFutureExt as _;
use tokio::runtime::Handle;
use tokio_postgres::{Client as PgClient, Error as PgError, Statement};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::generic_client::{is_text, may_leave_traces};
use super::session::Session;
use super::session_pool::HeldSession;
use crate::GenericClient as _;

/// A connection of the pool, for several calls in a row. Repository functions run on it as on [`Db`](crate::Db), and so
/// do the generated functions of [`queries`](crate::queries).
///
/// Dropping it returns it to the pool. If the server still runs a call whose future was dropped, no other task gets the
/// connection before that call has ended. If the call does not end at once, the server cancels it and the connection is
/// closed.
pub struct Connection {
    /// `None` after it was returned.
    session: Option<HeldSession>,
    running: TaskTrackerToken,
}

impl Connection {
    pub(super) fn new(session: HeldSession, running: TaskTrackerToken) -> Self {
        Self { session: Some(session), running }
    }

    /// The driver's client, for statements without a query in `queries/`: `copy`, `listen`, session settings.
    ///
    /// After that the connection never returns to the pool. It is closed when it is dropped, because it may have an
    /// open transaction, a running statement or a changed setting. This also cancels dropped calls on the raw client.
    ///
    /// ```no_run
    /// # async fn example(database: clip_saver_db::Db) -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = database.connection().await?;
    /// connection.raw().batch_execute("analyze bot_channels").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn raw(&self) -> &PgClient {
        self.session().hand_out()
    }

    pub(crate) fn session(&self) -> &Session {
        self.session.as_deref().expect("only drop and close take the session, and nobody has the connection after them")
    }

    /// Whether the pool is being closed, and lends no other connection.
    pub(super) fn is_last(&self) -> bool {
        self.running.task_tracker().is_closed()
    }

    /// Closes the connection. The pool opens a new one.
    pub(super) fn close(mut self) {
        if let Some(session) = self.session.take() {
            return_to_pool(session, &self.running, false);
        }
    }

    /// Text may leave a transaction open, so the connection is treated as raw.
    fn check<T: ?Sized>(&self) {
        if is_text::<T>() {
            self.session().hand_out();
        }
    }

    fn prepare_query(&self, sql: &str) -> impl Future<Output = Result<Statement, PgError>> {
        self.session().prepare(sql).inspect_ok(|statement| {
            if may_leave_traces(sql, statement) {
                self.session().hand_out();
            }
        })
    }
}

generic_client! {
    Connection,
    |self| self.session(),
    check: check,
    prepare: prepare_query,
    run: |statement| statement,
    stream: |rows| rows
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            return_to_pool(session, &self.running, true);
        }
    }
}

/// Returns a session to the pool, or closes it if it must not be kept. Before that, waits for dropped calls to end, or
/// cancels them, and resets what the caller's own statements have changed.
fn return_to_pool(session: HeldSession, running: &TaskTrackerToken, is_kept: bool) {
    let release = |session, is_kept| if is_kept { drop(session) } else { drop(Object::take(session)) };
    let is_kept = is_kept && !session.is_handed_out() && !session.is_spent();
    if !session.is_busy() && !session.needs_reset() {
        return release(session, is_kept);
    }
    let Ok(runtime) = Handle::try_current() else {
        return release(session, false); // without a runtime we cannot wait for the server
    };
    let running = running.clone();
    runtime.spawn(async move {
        let has_answered = !session.is_busy() || session.end_dropped_calls().await;
        let is_free = has_answered && is_kept && session.reset().await;
        release(session, is_free);
        drop(running);
    });
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}

/// A connection that one call on a [`Db`](crate::Db) holds.
pub struct Lease(pub(super) Connection);

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.session()
    }
}
