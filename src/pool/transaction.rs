//! Transactions: several calls that are stored together or not at all.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, TryFutureExt as _};
use tokio::time::sleep;
use tokio_postgres::{Error as PgError, Statement};
use tracing::debug;

use super::attempt::CallKind;
use super::client::Client;
use super::client::sealed::Lend;
use super::connection::Connection;
use super::db::Db;
use super::generic_client::{is_text, may_leave_traces};
use super::session::Session;
use crate::GenericClient as _;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, runs_again};

/// How often [`Db::transaction`] runs a transaction that conflicts with others.
const ATTEMPTS: u32 = 5;

/// An open transaction, made by [`Db::begin`] or [`Db::transaction`]. Repository functions run on it as on [`Db`].
///
/// Calls that do not need each other's answers can be joined: they reach the server together, in the order in which they were
/// joined. `tokio::try_join!(biased; …)` gives the error of the first call that failed; without `biased` it may give
/// [`ErrorKind::TransactionAborted`], which every call after the failed one gets. A batch of more than 10,000 rows is
/// several statements. Other calls may run between these statements: await such a batch alone.
///
/// It owns its connection, so it can move into a task. If it is dropped while it is open, it is rolled back: its connection
/// is closed instead of returning to the pool.
pub struct Transaction {
    /// `None` after it has ended.
    connection: Option<Connection>,
    /// The number of statements that may have failed: they did, were dropped, or returned a stream of rows.
    unconfirmed: AtomicUsize,
    /// Whether there was a conflict with a concurrent transaction or a change of the schema.
    has_conflict: AtomicBool,
}

impl Db {
    /// Runs a closure in a transaction: commits if it returns `Ok`, rolls back if it returns `Err`.
    ///
    /// The closure gets a handle to the transaction. It may borrow local variables, and the whole call may run in a spawned
    /// task. Its error is any type that implements `From<Error>`: [`Error`] itself, your own, or `anyhow::Error`.
    ///
    /// After a conflict with a concurrent transaction ([`ErrorKind::Conflict`]), or with a change of the schema
    /// ([`ErrorKind::StaleStatement`]), the closure runs again after a short random pause, five times at most. So it should do
    /// nothing outside the database that must not happen twice. It does not run again if the connection broke during the commit
    /// ([`ErrorKind::OutcomeUnknown`]): everything may have been stored.
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
    /// The closure's error, or an error of beginning or committing the transaction.
    /// [`ErrorKind::InvalidInput`] if a clone of the handle outlives the closure: then this stores nothing.
    pub async fn transaction<T, E, F, W>(&self, work: F) -> Result<T, E>
    where
        E: From<Error>,
        F: Fn(Arc<Transaction>) -> W,
        W: Future<Output = Result<T, E>>,
    {
        for attempt in 1.. {
            match self.run_once(&work).await {
                Err((_, true)) if attempt < ATTEMPTS => {
                    debug!(attempt, "running the transaction again after a conflict");
                    sleep(Duration::from_millis(10) * attempt * rand::random_range(1..=4)).await;
                }
                result => return result.map_err(|(error, _)| error),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Runs the closure once. Returns its error, and whether there was a conflict with a concurrent transaction or a change of
    /// the schema.
    async fn run_once<T, E, F, W>(&self, work: &F) -> Result<T, (E, bool)>
    where
        E: From<Error>,
        F: Fn(Arc<Transaction>) -> W,
        W: Future<Output = Result<T, E>>,
    {
        let failed = |error: Error| {
            let runs_again = error.kind().runs_again();
            (error.into(), runs_again)
        };
        let transaction = Arc::new(self.begin().await.map_err(failed)?);
        let result = work(transaction.clone()).await;
        let Some(transaction) = Arc::into_inner(transaction) else {
            return Err((result.err().unwrap_or_else(|| handle_in_use().into()), false));
        };
        let had_conflict = transaction.has_conflict.load(Ordering::Relaxed);
        match result {
            Ok(value) => match transaction.commit().await {
                Ok(()) => Ok(value),
                Err(error) if had_conflict && !error.is_outcome_unknown() => Err((error.into(), true)),
                Err(error) => Err(failed(error)),
            },
            Err(error) => {
                transaction.rollback().await;
                Err((error, had_conflict))
            }
        }
    }

    /// Begins a transaction on its own connection, at read committed. [`Db::transaction`] is easier to use. For a stricter level
    /// run `set transaction isolation level …` (`GenericClient::execute`) before the first call.
    ///
    /// # Errors
    /// As [`Db::connection`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.begin_unnamed().await.map_err(|error| error.in_function("begin"))
    }

    /// Begins a transaction, without a function's name in the error.
    pub(crate) async fn begin_unnamed(&self) -> Result<Transaction, Error> {
        match Transaction::begin(self.connection().await?).await {
            // The server was restarted, and this connection had not noticed it yet: the pool opens a new one.
            Err(error) if error.kind() == ErrorKind::Connection => Transaction::begin(self.connection().await?).await,
            begun => begun,
        }
    }
}

impl Transaction {
    async fn begin(connection: Connection) -> Result<Self, Error> {
        // If this future is dropped from here on, the connection is closed, because it may be in a transaction.
        let transaction = Self {
            connection: Some(connection),
            unconfirmed: AtomicUsize::new(0),
            has_conflict: AtomicBool::new(false),
        };
        transaction.execute_simple(&transaction.session().pins.begin).await?;
        Ok(transaction)
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`ErrorKind::TransactionAborted`] if a statement failed and its error was ignored: PostgreSQL would turn the commit
    /// into a rollback and report success. [`ErrorKind::OutcomeUnknown`] if the connection broke during the commit: everything
    /// was stored, or nothing. [`ErrorKind::Connection`] if it broke before: nothing was stored.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_unnamed(CallKind::Once).await.map_err(|error| error.in_function("commit"))
    }

    /// Commits, without a function's name in the error. `kind` says whether the whole transaction may be repeated.
    pub(crate) async fn commit_unnamed(mut self, kind: CallKind) -> Result<(), Error> {
        // In a failed transaction the empty `select` fails, before `commit` can turn into a rollback.
        let all_succeeded = *self.unconfirmed.get_mut() == 0;
        let was_open = self.session().is_open();
        if let Err(error) = self.execute_simple(if all_succeeded { "commit" } else { "select; commit" }).await {
            let error = self.session().with_close_reason(error);
            let is_sent = was_open && self.session().is_lost();
            return Err(if is_sent { error.after_sending(kind == CallKind::Idempotent) } else { error });
        }
        self.connection = None; // returns it to the pool
        Ok(())
    }

    /// Rolls the transaction back and keeps the connection. Dropping the transaction closes it.
    pub async fn rollback(mut self) {
        // A dropped call may wait for a lock, and the rollback would wait for that call.
        if self.session().is_busy() {
            self.session().end_dropped_calls().await;
        }
        // If the connection is broken, the server rolls back.
        if self.execute_simple("rollback").await.is_ok() {
            self.connection = None;
        }
    }

    /// `begin`, `commit` and `rollback` are the only SQL outside of .sql files.
    async fn execute_simple(&self, sql: &str) -> Result<(), Error> {
        Ok(self.session().execute_simple(sql).await?)
    }

    /// Runs a statement, and counts it as unconfirmed until it succeeds.
    fn run<T>(&self, statement: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.unconfirmed.fetch_add(1, Ordering::Relaxed);
        statement.inspect(|result| match result {
            Ok(_) => _ = self.unconfirmed.fetch_sub(1, Ordering::Relaxed),
            Err(error) => self.note_conflict(error),
        })
    }

    /// A text may change what outlives the transaction, such as a setting.
    fn check<T: ?Sized>(&self) {
        if is_text::<T>() {
            self.session().reset_later();
        }
    }

    fn prepare_cached(&self, sql: &str) -> impl Future<Output = Result<Statement, PgError>> {
        self.run(self.session().prepare(sql)).inspect_ok(|statement| {
            if may_leave_traces(sql, statement) {
                self.session().reset_later();
            }
        })
    }

    /// Begins a stream of rows, which stays unconfirmed: an error may come after any row.
    fn stream<T>(&self, rows: impl Future<Output = Result<T, PgError>>) -> impl Future<Output = Result<T, PgError>> {
        self.unconfirmed.fetch_add(1, Ordering::Relaxed);
        rows.inspect_err(|error| self.note_conflict(error))
    }

    fn note_conflict(&self, error: &PgError) {
        if runs_again(error) {
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

/// The error of `Db::transaction` if its closure kept a handle.
fn handle_in_use() -> Error {
    Error::invalid_input(
        "tx",
        "is still in use after the closure has returned, so nothing was stored; drop its clones first",
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
    check: check,
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
        &self.session().limits
    }
}
