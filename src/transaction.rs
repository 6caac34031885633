//! Several calls that are stored together or not at all.

use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryFutureExt as _;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{BorrowToSql, ToSql};
use tokio_postgres::{Error as PgError, Row, RowStream, Statement, ToStatement};
use tracing::debug;

use crate::GenericClient;
use crate::attempt::Kind;
use crate::connection::Connection;
use crate::db::Db;
use crate::error::{Error, causes};
use crate::session::Session;

/// How often [`Db::transaction`] runs a transaction that others keep getting in the way of.
const ATTEMPTS: u32 = 5;

/// An open transaction, made by [`Db::begin`] or [`Db::transaction`]. Repository functions run on it as on [`Db`].
///
/// Calls that need no answer of one another can be joined: they reach the server together, in the order in which they were
/// joined. `tokio::try_join!(biased; …)` gives the error of the first that failed; without `biased` it may give
/// [`Error::TransactionAborted`], which all those behind it fail with. A batch of more than 10,000 rows is several
/// statements, of which others may get ahead: await it alone.
///
/// It owns its connection, so that it may move into a task. Dropped while it is open, it is undone: its connection is
/// closed instead of going back to the pool.
pub struct Transaction {
    /// `None` once it is over.
    connection: Option<Connection>,
    /// Statements that are not known to have succeeded: they failed, were dropped, or gave a stream of rows.
    doubtful: AtomicUsize,
}

impl Db {
    /// Runs a closure in a transaction: commits if it returns `Ok`, undoes everything if it returns `Err`.
    ///
    /// When a concurrent transaction got in the way ([`Error::Conflict`], also as the source of an error of yours), the
    /// closure runs again, five times at most, after a short random pause. So it should do nothing outside the database
    /// that must not be done twice.
    ///
    /// The error may be [`Error`] or one of yours that is made from it; it has to be a [`std::error::Error`]. Where nothing
    /// else says which, name it: `async |tx| -> Result<_, Error> { … }`.
    ///
    /// ```no_run
    /// use clip_saver_db::{ChannelId, Db, Error, MessageId, ScanIncrement, ScanRunId, repositories as db};
    ///
    /// # async fn page(database: Db, run: ScanRunId, channel: ChannelId, last: MessageId) -> Result<(), Error> {
    /// database
    ///     .transaction(async move |tx| {
    ///         db::update_channel_progress(tx, channel, last, 100).await?;
    ///         db::update_scan_progress(tx, run, ScanIncrement { scanned: 100, matched: 7 }).await
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It does not run again when the connection broke at the commit ([`Error::OutcomeUnknown`]): everything may have been
    /// stored.
    ///
    /// # Errors
    /// What the closure returns, or what keeps the transaction from beginning or being committed.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<Error> + StdError + 'static,
        F: AsyncFn(&Transaction) -> Result<T, E>,
    {
        let mut attempt = 1;
        loop {
            match self.attempt(&work).await {
                Err(error) if attempt < ATTEMPTS && is_conflict(&error) => {
                    debug!(attempt, %error, "running the transaction again");
                    sleep(Duration::from_millis(10) * attempt * rand::random_range(1..=4)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt<T, E, F>(&self, work: &F) -> Result<T, E>
    where
        E: From<Error>,
        F: AsyncFn(&Transaction) -> Result<T, E>,
    {
        let transaction = self.begin().await?;
        match work(&transaction).await {
            Ok(value) => {
                transaction.commit().await?;
                Ok(value)
            }
            Err(error) => {
                transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins a transaction on a connection of its own. [`Db::transaction`] is the easier way.
    ///
    /// # Errors
    /// As [`Db::connection`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.begin_unnamed().await.map_err(|error| error.in_function("begin"))
    }

    /// The same for a function that names itself in its errors.
    pub(crate) async fn begin_unnamed(&self) -> Result<Transaction, Error> {
        match Transaction::begin(self.connection().await?).await {
            // The server was restarted, and this connection had not noticed yet: the pool has a new one.
            Err(Error::Connection { .. }) => Transaction::begin(self.connection().await?).await,
            begun => begun,
        }
    }
}

impl Transaction {
    async fn begin(connection: Connection) -> Result<Self, Error> {
        // From here on a dropped future closes the connection: nobody could say whether it is in a transaction.
        let transaction = Self { connection: Some(connection), doubtful: AtomicUsize::new(0) };
        transaction.execute_simple("begin").await?;
        Ok(transaction)
    }

    /// Stores everything that was done.
    ///
    /// # Errors
    /// [`Error::TransactionAborted`] if a statement had failed and its error was swallowed: PostgreSQL would answer the
    /// commit by undoing everything, and call that a success. [`Error::OutcomeUnknown`] if the connection broke on the way:
    /// everything was stored, or nothing; [`Error::Connection`] if it was broken before, so that nothing was.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_unnamed(Kind::Once).await.map_err(|error| error.in_function("commit"))
    }

    /// The same for a function that names itself in its errors, and knows what it means to do all of it twice.
    pub(crate) async fn commit_unnamed(mut self, kind: Kind) -> Result<(), Error> {
        // In a transaction that has failed, the empty `select` fails before `commit` can turn into a rollback.
        let is_sure = *self.doubtful.get_mut() == 0;
        let was_open = self.session().is_open();
        if let Err(error) = self.execute_simple(if is_sure { "commit" } else { "select; commit" }).await {
            let error = error.with_last_words(Some(self.session()));
            let is_sent = was_open && self.session().is_lost();
            return Err(if is_sent { error.after_sending(kind == Kind::Idempotent) } else { error });
        }
        self.connection = None; // back to the pool
        Ok(())
    }

    /// Undoes everything that was done, as dropping the transaction does, and keeps the connection.
    pub async fn rollback(mut self) {
        // What was dropped may wait for a lock, and this would wait behind it.
        if self.session().is_busy() {
            self.session().settle().await;
        }
        // If the connection is broken, there is nothing left to undo.
        if self.execute_simple("rollback").await.is_ok() {
            self.connection = None;
        }
    }

    /// The words that begin and end a transaction are the only SQL outside of .sql files.
    async fn execute_simple(&self, sql: &str) -> Result<(), Error> {
        Ok(self.session().execute_simple(sql).await?)
    }

    /// Runs a statement, and remembers it unless it succeeds.
    fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.doubtful.fetch_add(1, Ordering::Relaxed);
        statement.inspect_ok(|_| {
            self.doubtful.fetch_sub(1, Ordering::Relaxed);
        })
    }

    pub(crate) fn session(&self) -> &Session {
        self.connection.as_deref().expect("only commit, rollback and drop take the connection, and they consume self")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.discard();
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transaction")
    }
}

/// As on a connection of the pool, statements are prepared once for each connection.
impl GenericClient for Transaction {
    fn stmt_cache() -> bool {
        true
    }

    async fn prepare(&self, query: &str) -> Result<Statement, PgError> {
        self.run(GenericClient::prepare(self.session(), query)).await
    }

    async fn execute<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.session().execute(query, params)).await
    }

    async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.session().query_one(statement, params)).await
    }

    async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.session().query_opt(statement, params)).await
    }

    async fn query<T>(&self, query: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.run(self.session().query(query, params)).await
    }

    async fn query_raw<T, I>(&self, statement: &T, params: I) -> Result<RowStream, PgError>
    where
        T: ?Sized + ToStatement + Sync + Send,
        I: IntoIterator + Sync + Send,
        I::IntoIter: ExactSizeIterator,
        I::Item: BorrowToSql,
    {
        // Rows are still to come, and so may be an error.
        self.doubtful.fetch_add(1, Ordering::Relaxed);
        self.session().query_raw(statement, params).await
    }
}

fn is_conflict(error: &(dyn StdError + 'static)) -> bool {
    // The driver's error is found behind transparent wrappers too, which hide ours.
    let codes = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    causes(error).filter_map(|cause| cause.downcast_ref::<PgError>()?.code()).any(|code| codes.contains(code))
}
