//! A session of the pool: a connection to the server and the statements that were prepared on it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::runtime::{self, Handle};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Error as PgError, Row, Statement};
use tracing::debug;

use super::connect::Route;
use super::driver::Activity;
use super::observe::open_connections;
use super::pins::Pins;
use crate::config::Limits;
use crate::error::{Error, SessionState, session_state};

/// How long a dropped call may take to end by itself, and how long the request to cancel it may take after that.
const CANCEL_GRACE: Duration = Duration::from_millis(100);
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection may take to answer the test after another one broke, or to be reset.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The statements of this schema are not used: they were discarded.
const NO_SCHEMA: u64 = u64::MAX;

/// A session of the pool: each statement is prepared at its first use and kept.
///
/// Joined calls reach the server in the order in which they were joined.
pub struct Session {
    client: Client,
    /// By their SQL. Calls get the lock in the order in which they wait: a call whose statement is cached does not
    /// overtake one whose statement must still be prepared.
    statements: Mutex<HashMap<Box<str>, Statement, RandomState>>,
    /// The schema that they were prepared for.
    schema: AtomicU64,
    activity: Arc<Activity>,
    has_failed: AtomicBool,
    /// It broke while a statement was on its way: whether the statement was stored is unknown.
    is_lost: AtomicBool,
    /// Its raw client was handed out: its state is unknown.
    is_handed_out: AtomicBool,
    /// A caller has run their own statement in a transaction, such as `set`.
    needs_reset: AtomicBool,
    /// A call is in its own transaction, or was dropped there.
    is_in_transaction: AtomicBool,
    /// When the pool replaces it.
    expires: Option<Instant>,
    /// For the connection that sends a cancel request.
    route: Route,
    pub(crate) limits: Limits,
    /// The runtime that drives it.
    runtime: runtime::Id,
    /// Free again when the session is dropped.
    _place: OwnedSemaphorePermit,
    pub(super) pins: Arc<Pins>,
}

impl Session {
    pub(super) fn new(
        client: Client,
        activity: Arc<Activity>,
        expires: Option<Instant>,
        route: Route,
        limits: Limits,
        place: OwnedSemaphorePermit,
        pins: Arc<Pins>,
    ) -> Self {
        open_connections().increment(1);
        Self {
            client,
            statements: Mutex::default(),
            schema: AtomicU64::new(activity.epoch.schema()),
            activity,
            has_failed: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            is_handed_out: AtomicBool::new(false),
            needs_reset: AtomicBool::new(false),
            is_in_transaction: AtomicBool::new(false),
            expires,
            route,
            limits,
            runtime: Handle::current().id(),
            _place: place,
            pins,
        }
    }

    /// Counts the calls on this session, and those that are dropped before they end.
    pub(crate) async fn track<T>(&self, work: impl Future<Output = T>) -> T {
        let call = self.activity.begin();
        let done = work.await;
        call.end();
        done
    }

    /// Runs a statement; notes an error that this session would keep returning.
    async fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> Result<T, PgError> {
        let was_open = !self.client.is_closed();
        let result = self.track(statement).await;
        match &result {
            Ok(_) => self.activity.epoch.answered(),
            Err(error) => self.note(error, was_open),
        }
        result
    }

    /// A statement from the cache. Preparing one stores nothing, even if the connection breaks.
    async fn prepare_cached(&self, sql: &str) -> Result<Statement, PgError> {
        let prepared = self.track(pin!(self.statement(sql))).await;
        if let Err(error) = &prepared {
            self.note(error, false);
        }
        prepared
    }

    fn note(&self, error: &PgError, was_sent: bool) {
        let Activity { epoch, .. } = &*self.activity;
        let state = match session_state(error) {
            SessionState::ReadOnly if self.may_be_set_by_caller() => SessionState::Usable,
            state => state,
        };
        match state {
            SessionState::Usable => {}
            SessionState::Discarded => self.schema.store(NO_SCHEMA, Ordering::Relaxed),
            SessionState::Outdated => epoch.schema_changed(self.schema.load(Ordering::Relaxed)),
            SessionState::ReadOnly | SessionState::Refused | SessionState::Broken => {
                self.has_failed.store(true, Ordering::Relaxed);
            }
        }
        if state == SessionState::Broken && was_sent {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        if state == SessionState::ReadOnly {
            self.activity.note_read_only();
        }
        if state == SessionState::ReadOnly || (state == SessionState::Broken && error.as_db_error().is_none()) {
            epoch.note_break();
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

    /// Adds the cause to an error that only says that the connection is closed.
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

    /// Whether it would keep failing: it broke, or leads to a server that accepts no writes.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Whether the caller's own statements may have changed its settings.
    pub(super) fn may_be_set_by_caller(&self) -> bool {
        self.needs_reset() || self.is_handed_out()
    }

    /// From now on the pool resets this session before it takes it back: the caller has run their own statement in a
    /// transaction.
    pub(super) fn reset_later(&self) {
        self.needs_reset.store(true, Ordering::Relaxed);
    }

    pub(super) fn needs_reset(&self) -> bool {
        self.needs_reset.load(Ordering::Relaxed)
    }

    /// Undoes what the caller's own statements have left; returns whether the session can be reused.
    pub(super) async fn reset(&self) -> bool {
        if !self.needs_reset() {
            return true;
        }
        let resetting = async {
            self.execute_simple(include_str!("reset.sql")).await?;
            self.pins.set(&self.client).await
        };
        let reset = timeout(TEST_TIMEOUT, resetting).await;
        self.needs_reset.store(false, Ordering::Relaxed);
        reset.is_ok_and(|reset| reset.is_ok())
    }

    /// Whether the pool must not reuse it: it has failed, is in a transaction, is too old, or its epoch is over.
    pub(crate) fn is_spent(&self) -> bool {
        self.has_failed()
            || self.is_in_transaction.load(Ordering::Relaxed)
            || self.activity.epoch.is_over()
            || self.expires.is_some_and(|expires| expires <= Instant::now())
    }

    /// Whether the caller's runtime drives it.
    pub(super) fn is_driven_here(&self) -> bool {
        self.runtime == Handle::current().id()
    }

    /// Whether the connection still leads to a server that accepts writes. The server is asked only if another
    /// connection has ended without a report, a write was refused on it, or another runtime drives it, perhaps no longer.
    pub(super) async fn survives(&self) -> bool {
        let breaks = self.activity.epoch.breaks();
        if self.activity.epoch.has_survived(breaks) && self.is_driven_here() {
            return true;
        }
        // Boxed because it is rare: otherwise every call would carry its size.
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

    /// Whether the server may still be running a dropped call. Calls on the raw client are not counted.
    pub(crate) fn is_busy(&self) -> bool {
        self.activity.is_abandoned() || self.is_handed_out()
    }

    /// Whether it was closed because its server did not answer: what was sent may still arrive.
    pub(crate) fn is_silent(&self) -> bool {
        self.activity.is_silent()
    }

    /// Waits for dropped calls to end, or cancels them; returns whether the session can be reused. After a cancel
    /// request it cannot: the request may arrive late, and must not cancel another statement.
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

    async fn answers(&self, limit: Duration) -> bool {
        timeout(limit, self.client.check_connection()).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn cancel(&self) {
        let request = self.client.cancel_token();
        if self.is_open() && timeout(CANCEL_TIMEOUT, self.route.cancel(request)).await.is_err() {
            debug!("a call that was dropped could not be canceled in time");
        }
    }

    /// Runs a call in its own transaction and keeps no prepared statement. A pooler gives the whole transaction one
    /// backend, where the call's statements are prepared and closed.
    pub(crate) async fn in_transaction<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // With no statements to keep, the lock is free to make joined calls take turns.
        let _turn = self.statements.lock().await;
        if self.is_in_transaction.swap(true, Ordering::Relaxed) {
            self.execute_simple("rollback").await?; // a call was dropped in its transaction
        }
        self.execute_simple(&self.pins.begin).await?;
        let result = call.await;
        let end = self.execute_simple(if result.is_ok() { "commit" } else { "rollback" }).await;
        if end.is_ok() {
            self.is_in_transaction.store(false, Ordering::Relaxed);
        }
        result.and_then(|value| end.map(|()| value).map_err(Error::from))
    }

    async fn statement(&self, sql: &str) -> Result<Statement, PgError> {
        let schema = self.activity.epoch.schema();
        if !self.limits.keeps_statements {
            return Box::pin(self.prepare_for(schema, sql)).await;
        }
        let mut statements = self.statements.lock().await;
        if self.schema.swap(schema, Ordering::Relaxed) != schema {
            statements.clear();
        }
        if let Some(statement) = statements.get(sql) {
            return Ok(statement.clone());
        }
        // Boxed because it is rare: otherwise every call would carry its size.
        let statement = Box::pin(self.prepare_for(schema, sql)).await?;
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Prepares a statement. After a change of the schema its text differs: a pooler that keeps prepared statements by their
    /// text would go on using the outdated one.
    async fn prepare_for(&self, schema: u64, sql: &str) -> Result<Statement, PgError> {
        match schema {
            0 => self.client.prepare(sql).await,
            _ => self.client.prepare(&format!("{sql} /* {schema} */")).await,
        }
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
