//! A session with the server, as the pool keeps it: the connection, and the statements that were prepared on it.

mod activity;
mod sessions;

pub(crate) use sessions::{Sessions, connect_first};

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::FutureExt as _;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::{BorrowToSql, ToSql};
use tokio_postgres::{Client, Error as PgError, Row, RowStream, Statement, ToStatement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use self::activity::Activity;
use crate::GenericClient;
use crate::config::Limits;
use crate::error::{Fate, fate};
use crate::observe;

/// How long a call that was dropped may take to end by itself, and after that the request to cancel it.
const HASTE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// It broke while a statement was on its way: nobody knows what became of that.
    is_lost: AtomicBool,
    /// When the pool replaces it.
    expires: Option<Instant>,
    /// For the connection that cancels.
    tls: MakeRustlsConnect,
    limits: Limits,
}

impl Session {
    /// Counts what is done on this session, and what is dropped before its end.
    pub(crate) fn track<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let call = self.activity.begin();
        work.inspect(move |_| call.end())
    }

    /// Runs a statement; notes an error that this session would go on to give.
    fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        let was_open = !self.client.is_closed();
        self.track(statement).inspect(move |result| {
            if let Err(error) = result {
                self.note(error, was_open);
            }
        })
    }

    /// Prepares something: nothing that is stored is on its way.
    fn prepare_only<T>(
        &self,
        work: impl Future<Output = Result<T, PgError>>,
    ) -> impl Future<Output = Result<T, PgError>> {
        self.track(work).inspect(|result| {
            if let Err(error) = result {
                self.note(error, false);
            }
        })
    }

    fn note(&self, error: &PgError, was_sent: bool) {
        let fate = fate(error);
        if fate != Fate::Usable {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        if fate == Fate::Broken && was_sent {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        match fate {
            Fate::ReadOnly => self.activity.epoch().moves_on(),
            // A report is of this session alone; a connection that just ends may be the first of many.
            Fate::Broken if error.as_db_error().is_none() => _ = self.activity.epoch().ends(),
            _ => {}
        }
    }

    /// One of the words that begin and end a transaction.
    pub(crate) async fn execute_simple(&self, sql: &str) -> Result<(), PgError> {
        self.run(self.client.batch_execute(sql)).await
    }

    /// The rows of a question without parameters that is not prepared.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Vec<Row>, PgError> {
        self.run(self.client.query_typed(sql, &[])).await
    }

    /// What the server, or the network, has ended the session with, for the first who asks.
    pub(crate) fn last_words(&self) -> Option<PgError> {
        self.activity.last_words()
    }

    /// Whether it would go on to fail: it broke, holds statements that a change of the schema has made useless, or leads to
    /// a server that takes no writes.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Whether the pool takes it no more: it has failed, or another one of its epoch has, or it is too old.
    pub(crate) fn is_spent(&self) -> bool {
        self.has_failed()
            || self.activity.epoch().is_over()
            || self.expires.is_some_and(|expires| expires <= Instant::now())
    }

    /// Whether statements can still be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Whether a statement was on its way when the connection broke.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the server may still be at work on a call that was dropped.
    pub(crate) fn is_busy(&self) -> bool {
        self.activity.is_abandoned()
    }

    /// Whether it was closed because its server gave no answer: what was sent there may still arrive.
    pub(crate) fn is_silent(&self) -> bool {
        self.activity.is_silent()
    }

    /// Sees to it that the server is done with what was dropped, or will be soon; returns whether the session can be used
    /// again. What does not end by itself is canceled, and with it this session is spent: nobody knows when the request
    /// arrives, and it must not hit another statement.
    pub(crate) async fn settle(&self) -> bool {
        let is_free = self.is_open() && self.answers().await;
        if is_free {
            self.activity.forget();
        } else {
            self.has_failed.store(true, Ordering::Relaxed);
            self.cancel().await;
        }
        is_free
    }

    async fn answers(&self) -> bool {
        timeout(HASTE, self.client.check_connection()).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn cancel(&self) {
        let request = self.client.cancel_token();
        if self.is_open() && timeout(PATIENCE, request.cancel_query(self.tls.clone())).await.is_err() {
            debug!("a call that was dropped could not be canceled in time");
        }
    }

    async fn statement(&self, sql: &str) -> Result<Statement, PgError> {
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

/// For what has no query in `queries/`. A statement that is sent here by hand is not kept. It is neither watched for a
/// server that gives no answer, nor canceled when it is dropped.
impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        observe::session_closed();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session")
    }
}

impl GenericClient for Session {
    fn stmt_cache() -> bool {
        true
    }

    async fn prepare(&self, query: &str) -> Result<Statement, PgError> {
        self.prepare_only(self.statement(query)).await
    }

    async fn execute<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.client.execute(query, params)).await
    }

    async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.client.query_one(statement, params)).await
    }

    async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.client.query_opt(statement, params)).await
    }

    async fn query<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.client.query(query, params)).await
    }

    async fn query_raw<T, I>(&self, statement: &T, params: I) -> Result<RowStream, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
        I: IntoIterator + Sync + Send,
        I::IntoIter: ExactSizeIterator,
        I::Item: BorrowToSql,
    {
        self.run(self.client.query_raw(statement, params)).await
    }
}
