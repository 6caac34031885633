//! A session with the server, as the pool keeps it: the connection, and the statements that were prepared on it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, Manager};
use foldhash::fast::RandomState;
use futures::FutureExt as _;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::{BorrowToSql, ToSql};
use tokio_postgres::{Client, Error as PgError, Row, RowStream, Statement, ToStatement};

use crate::GenericClient;
use crate::error::ends_session;

/// How long the server may take to be done with a call that was dropped.
const PATIENCE: Duration = Duration::from_millis(200);

/// A session of the pool: each statement is prepared at its first use and kept.
///
/// Calls that are joined reach the server in the order in which they were joined.
pub struct Session {
    client: ClientWrapper,
    /// By their SQL. Who waits for the lock gets it in turn: a call whose statement must still be prepared is not overtaken
    /// by one whose statement is there.
    statements: Mutex<HashMap<Box<str>, Statement, RandomState>>,
    /// Calls that are under way; between two checkouts, those that were dropped.
    under_way: AtomicUsize,
    is_spent: AtomicBool,
}

impl Session {
    /// Counts a call: one whose future is dropped remains counted. Notes an error that this session would go on to give.
    fn watch<T>(&self, call: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        call.inspect(|result| {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            if result.as_ref().is_err_and(ends_session) {
                self.is_spent.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Whether it broke, or holds statements that a change of the schema has made useless: the pool takes it no more.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Whether the server is done with the calls that were dropped: one may wait for a lock, and who came next would wait
    /// behind it. A round trip after such a call alone.
    pub(crate) async fn is_free(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0 || Box::pin(self.becomes_free()).await
    }

    async fn becomes_free(&self) -> bool {
        let is_free = timeout(PATIENCE, self.client.check_connection()).await.is_ok_and(|answer| answer.is_ok());
        if is_free {
            self.under_way.store(0, Ordering::Relaxed);
        }
        is_free
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

/// For what has no query in `queries/`. A statement that is sent here by hand is not kept.
impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
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
        self.watch(self.statement(query)).await
    }

    async fn execute<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.watch(self.client.execute(query, params)).await
    }

    async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.watch(self.client.query_one(statement, params)).await
    }

    async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.watch(self.client.query_opt(statement, params)).await
    }

    async fn query<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.watch(self.client.query(query, params)).await
    }

    async fn query_raw<T, I>(&self, statement: &T, params: I) -> Result<RowStream, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
        I: IntoIterator + Sync + Send,
        I::IntoIter: ExactSizeIterator,
        I::Item: BorrowToSql,
    {
        self.watch(self.client.query_raw(statement, params)).await
    }
}

/// Makes the pool's sessions, as `deadpool_postgres` makes its connections.
pub(crate) struct Sessions(pub(crate) Manager);

impl managed::Manager for Sessions {
    /// Boxed: the pool moves it about a dozen times a call.
    type Type = Box<Session>;
    type Error = PgError;

    async fn create(&self) -> Result<Box<Session>, PgError> {
        let client = Box::pin(self.0.create()).await?;
        Ok(Box::new(Session {
            client,
            statements: Mutex::default(),
            under_way: AtomicUsize::new(0),
            is_spent: AtomicBool::new(false),
        }))
    }

    /// No query at every checkout, which would double the time of a short call.
    async fn recycle(&self, session: &mut Box<Session>, _: &Metrics) -> RecycleResult<PgError> {
        if session.is_spent() { Err(RecycleError::message("the session is spent")) } else { Ok(()) }
    }

    fn detach(&self, session: &mut Box<Session>) {
        self.0.detach(&mut session.client);
    }
}
