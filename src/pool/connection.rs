//! A connection that was taken from the pool, and how it goes back.

use std::any::type_name;
use std::fmt;
use std::ops::Deref;

use deadpool::managed::Object;
use futures::TryFutureExt as _;
use tokio::runtime::Handle;
use tokio_postgres::{Client as PgClient, Error as PgError, Statement};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::session::Session;
use super::sessions::Sessions;
use crate::GenericClient;

/// A connection of the pool, for several calls in a row. Repository functions run on it as on [`Db`](crate::Db), and so do
/// the generated functions of [`queries`](crate::queries).
///
/// Dropping it gives it back to the pool. If the server is still at work on a call whose future was dropped, no other task
/// gets the connection before that call has ended. A call that does not end at once is canceled on the server, and the
/// connection is closed.
pub struct Connection {
    /// `None` once it was given back.
    session: Option<Object<Sessions>>,
    running: TaskTrackerToken,
}

impl Connection {
    pub(super) fn new(session: Object<Sessions>, running: TaskTrackerToken) -> Self {
        Self { session: Some(session), running }
    }

    /// The driver's client, for what has no query in `queries/`: `copy`, `listen`, session settings.
    ///
    /// This connection never goes back to the pool: it is closed when it is dropped, because nobody knows what was left on
    /// it (an open transaction, a running statement, a changed setting). Dropped calls on the raw client are canceled on the
    /// server then.
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

    /// Closes the connection: the pool makes a new one.
    pub(super) fn close(mut self) {
        if let Some(session) = self.session.take() {
            give_back(session, &self.running, false);
        }
    }

    /// Runs a statement of the generated functions. They send prepared statements; a text could be anything, `begin` too.
    fn run<T: ?Sized, R>(&self, statement: impl Future<Output = R>) -> impl Future<Output = R> {
        // Only texts and statements can be sent, and none of the texts' types has this name.
        if type_name::<T>() != type_name::<Statement>() {
            self.session().hand_out();
        }
        statement
    }

    /// Every query of this crate returns a row. What returns none is not ours, and could be `begin`.
    fn prepare_only(&self, sql: &str) -> impl Future<Output = Result<Statement, PgError>> {
        self.session().prepare(sql).inspect_ok(|statement| {
            if statement.columns().is_empty() {
                self.session().hand_out();
            }
        })
    }
}

generic_client! { Connection, |self| self.session(), run: run, prepare: prepare_only, stream: run }

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            give_back(session, &self.running, true);
        }
    }
}

/// Gives a session back to the pool, or closes it if it must not be kept. Before that, calls that were dropped on it end or
/// are canceled.
fn give_back(session: Object<Sessions>, running: &TaskTrackerToken, is_kept: bool) {
    let release = |session, is_kept| if is_kept { drop(session) } else { drop(Object::take(session)) };
    let is_kept = is_kept && !session.is_handed_out() && !session.is_spent();
    if !session.is_busy() {
        return release(session, is_kept);
    }
    let Ok(runtime) = Handle::try_current() else {
        return release(session, false); // without a runtime nothing can wait for the server
    };
    let running = running.clone();
    runtime.spawn(async move {
        let is_free = session.end_dropped_calls().await;
        release(session, is_kept && is_free);
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
