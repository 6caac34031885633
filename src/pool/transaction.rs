//! Several calls that are stored together or not at all.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, TryFutureExt as _};
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error as PgError, Statement};
use tracing::debug;

use super::attempt::CallKind;
use super::client::Client;
use super::client::sealed::Lend;
use super::connection::Connection;
use super::db::Db;
use super::session::Session;
use crate::GenericClient as _;
use crate::config::Limits;
use crate::error::{Error, ErrorKind};

/// How often [`Db::transaction`] runs a transaction that conflicts with others.
const ATTEMPTS: u32 = 5;

/// An open transaction, made by [`Db::begin`] or [`Db::transaction`]. Repository functions run on it as on [`Db`].
///
/// Calls that do not need each other's answers can be joined: they reach the server together, in the order in which they were
/// joined. `tokio::try_join!(biased; …)` gives the error of the first call that failed; without `biased` it may give
/// [`ErrorKind::TransactionAborted`], which every call behind the failed one gets. A batch of more than 10,000 rows is
/// several statements. Other calls may run between these statements: await such a batch alone.
///
/// It owns its connection, so that it may move into a task. Dropped while it is open, it is rolled back: its connection is
/// closed instead of going back to the pool.
pub struct Transaction {
    /// `None` once it is over.
    connection: Option<Connection>,
    /// Statements that are not known to have succeeded: they failed, were dropped, or gave a stream of rows.
    doubtful: AtomicUsize,
    /// A concurrent transaction was in the way.
    has_conflict: AtomicBool,
}

impl Db {
    /// Runs a closure in a transaction: commits if it returns `Ok`, rolls back if it returns `Err`.
    ///
    /// The closure gets a handle to the transaction. It may borrow from its surroundings, and the whole call may run in a
    /// spawned task. Its error is any type that an [`Error`] turns into: `Error` itself, one of yours, or `anyhow::Error`.
    ///
    /// If a concurrent transaction was in the way ([`ErrorKind::Conflict`]), the closure runs again after a short random
    /// pause, five times at most. So it should do nothing outside the database that must not happen twice. It does not run
    /// again if the connection broke at the commit ([`ErrorKind::OutcomeUnknown`]): everything may have been stored.
    ///
    /// ```no_run
    /// use clip_saver_db::{Db, Error, GuildSnapshot, repositories as db};
    ///
    /// async fn join(database: &Db, guild: &GuildSnapshot) -> Result<u64, Error> {
    ///     database
    ///         .transaction(|tx| async move {
    ///             db::sync_guild(&tx, guild).await?;
    ///             db::count_channels_by_guild(&tx, guild.id).await
    ///         })
    ///         .await
    /// }
    /// ```
    ///
    /// # Errors
    /// What the closure returns, or what keeps the transaction from beginning or from being committed.
    /// [`ErrorKind::InvalidInput`] if the closure kept a clone of its handle: then nothing is stored.
    pub async fn transaction<T, E, F, W>(&self, work: F) -> Result<T, E>
    where
        E: From<Error>,
        F: Fn(Arc<Transaction>) -> W,
        W: Future<Output = Result<T, E>>,
    {
        for attempt in 1.. {
            match self.attempt(&work).await {
                Err((_, true)) if attempt < ATTEMPTS => {
                    debug!(attempt, "running the transaction again: a concurrent one was in the way");
                    sleep(Duration::from_millis(10) * attempt * rand::random_range(1..=4)).await;
                }
                result => return result.map_err(|(error, _)| error),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// The error of an attempt, and whether a concurrent transaction was in the way.
    async fn attempt<T, E, F, W>(&self, work: &F) -> Result<T, (E, bool)>
    where
        E: From<Error>,
        F: Fn(Arc<Transaction>) -> W,
        W: Future<Output = Result<T, E>>,
    {
        let failed = |error: Error| {
            let is_conflict = error.kind() == ErrorKind::Conflict;
            (error.into(), is_conflict)
        };
        let transaction = Arc::new(self.begin().await.map_err(failed)?);
        let result = work(transaction.clone()).await;
        let transaction = Arc::into_inner(transaction).ok_or_else(still_in_use).map_err(failed)?;
        let had_conflict = transaction.has_conflict.load(Ordering::Relaxed);
        match result {
            Ok(value) => match transaction.commit().await {
                Ok(()) => Ok(value),
                Err(error) if had_conflict => Err((error.into(), true)),
                Err(error) => Err(failed(error)),
            },
            Err(error) => {
                transaction.rollback().await;
                Err((error, had_conflict))
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
            Err(error) if error.kind() == ErrorKind::Connection => Transaction::begin(self.connection().await?).await,
            begun => begun,
        }
    }
}

impl Transaction {
    async fn begin(connection: Connection) -> Result<Self, Error> {
        // From here on a dropped future closes the connection: nobody could say whether it is in a transaction.
        let transaction =
            Self { connection: Some(connection), doubtful: AtomicUsize::new(0), has_conflict: AtomicBool::new(false) };
        transaction.execute_simple("begin").await?;
        Ok(transaction)
    }

    /// Stores everything that was done.
    ///
    /// # Errors
    /// [`ErrorKind::TransactionAborted`] if a statement had failed and its error was swallowed: PostgreSQL would answer the
    /// commit by undoing everything, and call that a success. [`ErrorKind::OutcomeUnknown`] if the connection broke on the way:
    /// everything was stored, or nothing; [`ErrorKind::Connection`] if it was broken before, so that nothing was.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_unnamed(CallKind::Once).await.map_err(|error| error.in_function("commit"))
    }

    /// The same for a function that names itself in its errors, and knows what it means to do all of it twice.
    pub(crate) async fn commit_unnamed(mut self, kind: CallKind) -> Result<(), Error> {
        // In a transaction that has failed, the empty `select` fails before `commit` can turn into a rollback.
        let is_sure = *self.doubtful.get_mut() == 0;
        let was_open = self.session().is_open();
        if let Err(error) = self.execute_simple(if is_sure { "commit" } else { "select; commit" }).await {
            let error = self.session().with_close_reason(error);
            let is_sent = was_open && self.session().is_lost();
            return Err(if is_sent { error.after_sending(kind == CallKind::Idempotent) } else { error });
        }
        self.connection = None; // back to the pool
        Ok(())
    }

    /// Rolls everything back, as dropping the transaction does, and keeps the connection.
    pub async fn rollback(mut self) {
        // What was dropped may wait for a lock, and this would wait behind it.
        if self.session().is_busy() {
            self.session().end_dropped_calls().await;
        }
        // If the connection is broken, there is nothing left to undo.
        if self.execute_simple("rollback").await.is_ok() {
            self.connection = None;
        }
    }

    /// `begin`, `commit` and `rollback` are the only SQL outside of .sql files.
    async fn execute_simple(&self, sql: &str) -> Result<(), Error> {
        Ok(self.session().execute_simple(sql).await?)
    }

    /// Runs a statement, and remembers it unless it succeeds.
    fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.doubtful.fetch_add(1, Ordering::Relaxed);
        statement.inspect(|result| match result {
            Ok(_) => _ = self.doubtful.fetch_sub(1, Ordering::Relaxed),
            Err(error) => self.note(error),
        })
    }

    fn prepare_cached(&self, sql: &str) -> impl Future<Output = Result<Statement, PgError>> {
        self.run(self.session().prepare(sql))
    }

    /// Begins a stream of rows. Rows are still to come, and so may be an error.
    fn stream<T>(&self, rows: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.doubtful.fetch_add(1, Ordering::Relaxed);
        rows.inspect_err(|error| self.note(error))
    }

    fn note(&self, error: &PgError) {
        let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        if error.code().is_some_and(|code| conflicts.contains(code)) {
            self.has_conflict.store(true, Ordering::Relaxed);
        }
    }

    fn session(&self) -> &Session {
        self.connection
            .as_ref()
            .expect("only commit, rollback and drop take the connection, and they consume self")
            .session()
    }
}

/// The closure of `Db::transaction` kept its handle.
fn still_in_use() -> Error {
    Error::invalid_input(
        "tx",
        "is still in use after the closure has ended, so nothing was stored; drop its clones first",
    )
    .in_function("transaction")
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transaction")
    }
}

generic_client! {
    Transaction,
    |self| self.session(),
    prepare: prepare_cached,
    run: |statement| self.run(statement),
    stream: |rows| self.stream(rows)
}

impl Client for Transaction {}

impl Lend for Transaction {
    type Lease<'a> = &'a Self;

    fn lease(&self) -> impl Future<Output = Result<&Self, Error>> + Send {
        ready(Ok(self))
    }

    fn session<'a>(&self, lease: &'a &Self) -> Option<&'a Session> {
        Some(lease.session())
    }

    fn commits(&self) -> bool {
        false
    }

    fn conflict(&self) -> Option<&AtomicBool> {
        Some(&self.has_conflict)
    }

    fn limits(&self) -> &Limits {
        self.session().limits()
    }
}
