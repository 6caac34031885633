//! A session with the server, as the pool keeps it: the connection, and the statements that were prepared on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::FutureExt as _;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Error as PgError, Row, Statement};
use tracing::debug;

use super::connect::Route;
use super::driver::Activity;
use super::observe::open_connections;
use crate::config::Limits;
use crate::error::{Error, SessionState, session_state};

/// How long a dropped call may take to end by itself, and after that the request to cancel it.
const CANCEL_GRACE: Duration = Duration::from_millis(100);
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection may take to prove that it has survived the break of another one.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// A session of the pool: each statement is prepared at its first use and kept.
///
/// Calls that are joined reach the server in the order in which they were joined.
pub struct Session {
    client: Client,
    /// By their SQL. Who waits for the lock gets it in turn: a call whose statement must still be prepared is not overtaken
    /// by one whose statement is there.
    statements: Mutex<HashMap<Box<str>, Statement, RandomState>>,
    activity: Arc<Activity>,
    has_failed: AtomicBool,
    /// It broke while a statement was on its way: whether that was stored is unknown.
    is_lost: AtomicBool,
    /// Its raw client was handed out: nobody knows what is left on it.
    is_handed_out: AtomicBool,
    /// A caller has run a statement of their own in a transaction, such as `set`.
    needs_reset: AtomicBool,
    /// A call is in a transaction of its own, or was dropped there.
    is_in_transaction: AtomicBool,
    /// When the pool replaces it.
    expires: Option<Instant>,
    /// For the connection that cancels.
    route: Route,
    pub(super) limits: Limits,
}

impl Session {
    pub(super) fn new(
        client: Client,
        activity: Arc<Activity>,
        expires: Option<Instant>,
        route: Route,
        limits: Limits,
    ) -> Self {
        open_connections().increment(1);
        Self {
            client,
            statements: Mutex::default(),
            activity,
            has_failed: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            is_handed_out: AtomicBool::new(false),
            needs_reset: AtomicBool::new(false),
            is_in_transaction: AtomicBool::new(false),
            expires,
            route,
            limits,
        }
    }

    /// Counts what is done on this session, and what is dropped before its end.
    pub(crate) fn track<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let call = self.activity.begin();
        work.inspect(move |_| call.end())
    }

    /// Runs a statement; notes an error that this session would go on to give.
    fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        let was_open = !self.client.is_closed();
        self.track(statement).inspect(move |result| match result {
            Ok(_) => self.activity.epoch.answered(),
            Err(error) => self.note(error, was_open),
        })
    }

    /// A statement from the cache. Preparing one stores nothing, whatever becomes of the connection.
    fn prepare_cached(&self, sql: &str) -> impl Future<Output = Result<Statement, PgError>> {
        self.track(self.statement(sql)).inspect(|result| {
            if let Err(error) = result {
                self.note(error, false);
            }
        })
    }

    fn note(&self, error: &PgError, was_sent: bool) {
        let state = session_state(error);
        if state != SessionState::Usable {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        if state == SessionState::Broken && was_sent {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        match state {
            SessionState::ReadOnly => {
                self.activity.note_read_only();
                self.activity.epoch.breaks();
            }
            SessionState::Broken if error.as_db_error().is_none() => self.activity.epoch.breaks(),
            _ => {}
        }
    }

    /// Runs `begin`, `commit` or `rollback`.
    pub(crate) async fn execute_simple(&self, sql: &str) -> Result<(), PgError> {
        self.run(self.client.batch_execute(sql)).await
    }

    /// Runs an unnamed statement without parameters.
    pub(crate) async fn query_unnamed(&self, sql: &str) -> Result<Vec<Row>, PgError> {
        self.run(self.client.query_typed(sql, &[])).await
    }

    /// Adds what ended the connection to an error that only says that the connection is gone.
    pub(crate) fn with_close_reason(&self, error: Error) -> Error {
        match Some(&self.activity).filter(|_| error.lacks_close_reason()).and_then(|activity| activity.close_reason()) {
            Some(reason) => error.with_source(reason),
            None => error,
        }
    }

    /// The driver's client. From now on the pool does not take this session back.
    pub(super) fn hand_out(&self) -> &Client {
        self.is_handed_out.store(true, Ordering::Relaxed);
        &self.client
    }

    pub(super) fn is_handed_out(&self) -> bool {
        self.is_handed_out.load(Ordering::Relaxed)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it would go on to fail: it broke, holds statements that a change of the schema has made useless, or leads to
    /// a server that takes no writes.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// From now on the pool resets this session before it takes it back: the caller has run a statement of their own in a
    /// transaction.
    pub(super) fn reset_later(&self) {
        self.needs_reset.store(true, Ordering::Relaxed);
    }

    /// Undoes what the caller's own statements have left; returns whether the session can be used again.
    pub(super) async fn reset(&self) -> bool {
        if !self.needs_reset.load(Ordering::Relaxed) {
            return true;
        }
        let reset = timeout(TEST_TIMEOUT, self.execute_simple(include_str!("reset.sql"))).await;
        self.needs_reset.store(false, Ordering::Relaxed);
        reset.is_ok_and(|reset| reset.is_ok())
    }

    /// Whether the pool must not reuse it: it has failed, its epoch is over, or it is too old.
    pub(crate) fn is_spent(&self) -> bool {
        self.has_failed()
            || self.is_in_transaction.load(Ordering::Relaxed)
            || self.activity.epoch.is_over()
            || self.expires.is_some_and(|expires| expires <= Instant::now())
    }

    /// Whether the connection still leads to a server that accepts writes. It is asked only if another one to the same server
    /// has ended without a report, or has refused a write.
    pub(super) async fn survives(&self) -> bool {
        let Some(breaks) = self.activity.epoch.untested_breaks() else { return true };
        // Boxed, as what is rare: every call carries the size of the futures in it.
        let is_alive = Box::pin(timeout(TEST_TIMEOUT, self.accepts_writes())).await.is_ok_and(|accepts| accepts);
        if is_alive {
            self.activity.epoch.survives(breaks);
        }
        is_alive
    }

    /// Whether statements can still be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Whether a statement was on its way when the connection broke.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Whether something is to be done before the pool takes it back: the server may still be at work on a call that was dropped
    /// (those on the raw client are not counted), or the session is to be reset.
    pub(crate) fn is_busy(&self) -> bool {
        self.activity.is_abandoned() || self.is_handed_out() || self.needs_reset.load(Ordering::Relaxed)
    }

    /// Whether it was closed because its server gave no answer: what was sent there may still arrive.
    pub(crate) fn is_silent(&self) -> bool {
        self.activity.is_silent()
    }

    /// Waits for dropped calls to end, or cancels them; returns whether the session can be used again. After a cancel request
    /// it cannot: the request may arrive late, and must not hit another statement.
    pub(crate) async fn end_dropped_calls(&self) -> bool {
        let is_free = self.is_open() && self.answers(CANCEL_GRACE).await;
        if is_free {
            self.activity.forget();
        } else {
            self.has_failed.store(true, Ordering::Relaxed);
            self.cancel().await;
        }
        is_free
    }

    async fn accepts_writes(&self) -> bool {
        let rows = self.client.query_typed(include_str!("read_only.sql"), &[]).await.unwrap_or_default();
        rows.first().is_some_and(|row| row.try_get(0).is_ok_and(|is_read_only: &str| is_read_only == "off"))
    }

    async fn answers(&self, patience: Duration) -> bool {
        timeout(patience, self.client.check_connection()).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn cancel(&self) {
        let request = self.client.cancel_token();
        if self.is_open() && timeout(CANCEL_TIMEOUT, self.route.cancel(request)).await.is_err() {
            debug!("a call that was dropped could not be canceled in time");
        }
    }

    /// Runs a call in a transaction of its own, without prepared statements that are kept. A pooler gives the whole transaction
    /// one process of the server, where the call's statements are prepared and closed.
    pub(crate) async fn in_transaction<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // Nothing is kept there, so that the lock is free: joined calls take turns.
        let _turn = self.statements.lock().await;
        if self.is_in_transaction.swap(true, Ordering::Relaxed) {
            self.execute_simple("rollback").await?; // a call was dropped in its transaction
        }
        self.execute_simple("begin").await?;
        let result = call.await;
        let end = self.execute_simple(if result.is_ok() { "commit" } else { "rollback" }).await;
        if end.is_ok() {
            self.is_in_transaction.store(false, Ordering::Relaxed);
        }
        result.and_then(|value| end.map(|()| value).map_err(Error::from))
    }

    async fn statement(&self, sql: &str) -> Result<Statement, PgError> {
        if !self.limits.keeps_statements {
            return Box::pin(self.client.prepare(sql)).await;
        }
        let mut statements = self.statements.lock().await;
        if let Some(statement) = statements.get(sql) {
            return Ok(statement.clone());
        }
        // Boxed, as what is rare: every call carries the size of the futures in it.
        let statement = Box::pin(self.client.prepare(sql)).await?;
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        open_connections().decrement(1);
    }
}

generic_client! {
    Session,
    |self| self.client,
    prepare: prepare_cached,
    run: |statement| self.run(statement),
    stream: |rows| self.run(rows)
}
