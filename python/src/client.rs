//! What functions run on: the pool, or an open transaction.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};

use clip_saver_db::{Config, Db, Error, Transaction};
use futures_util::future::{BoxFuture, Either, FutureExt as _, Shared, TryFutureExt as _, WeakShared, select};
use pyo3::prelude::*;
use tokio::sync::{RwLock, RwLockReadGuard, watch};

use crate::answers::Answer;
use crate::arguments::{self, Place};
use crate::call::Call;
use crate::errors::Failure;
use crate::lease::{Lease, Wakeups};
use crate::lock;
use crate::runtime::{self, OfRuntime};

/// A database that is opened at the first call, or a transaction on it.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct Client(Target);

pub enum Target {
    Pool(Box<Pool>),
    Transaction(OfRuntime<Arc<OpenTransaction>>),
}

/// A pool a process: a child of a fork opens its own and leaves its parent's alone.
pub struct Pool {
    config: Config,
    opened: Mutex<OfRuntime<Arc<Opened>>>,
}

/// The pool of a process.
pub struct Opened {
    config: Config,
    /// Calls hold it to read while they run, so that closing waits for them: also for one that waits for a connection.
    db: RwLock<OnceLock<Db>>,
    /// While calls wait for it: they have one attempt together, which ends with the last of them.
    opening: Mutex<Option<WeakShared<Opening>>>,
}

type Opening = BoxFuture<'static, Result<Db, Arc<Error>>>;

impl Opened {
    fn of(config: &Config) -> Self {
        Self { config: config.clone(), db: RwLock::default(), opening: Mutex::default() }
    }

    /// The database, for a call, which is under way until it drops this.
    pub async fn db(&self) -> Result<RwLockReadGuard<'_, Db>, Failure> {
        let db = self.db.read().await;
        if db.get().is_none() {
            let opened = self.opening().await?;
            db.get_or_init(|| opened);
        }
        Ok(RwLockReadGuard::map(db, |db| db.get().expect("a database: it was opened just now, if not before")))
    }

    fn opening(&self) -> Shared<Opening> {
        let mut opening = lock(&self.opening);
        if let Some(opening) = opening.as_ref().and_then(WeakShared::upgrade).filter(|opening| opening.peek().is_none())
        {
            return opening;
        }
        let new = Db::connect(self.config.clone()).map_err(Arc::new).boxed().shared();
        *opening = new.downgrade();
        new
    }

    /// Closes the database after its calls, also after those that are opening it.
    async fn close(&self) {
        let opened = self.db.write().await.get().cloned();
        if let Some(db) = opened {
            db.close().await;
        }
    }
}

impl Pool {
    pub fn opened(&self) -> Arc<Opened> {
        let mut opened = lock(&self.opened);
        if let Some(opened) = opened.get() {
            return opened.clone();
        }
        let new = Arc::new(Opened::of(&self.config));
        *opened = OfRuntime::new(new.clone());
        new
    }
}

/// A transaction and its calls, which run at the same time and are sent one after the other without a wait.
pub struct OpenTransaction {
    /// Calls hold it to read, so that its end waits for them. `None` once it has ended.
    transaction: RwLock<Option<Transaction>>,
    /// Whether it is rolled back.
    is_rolled_back: watch::Sender<bool>,
}

impl OpenTransaction {
    pub fn transaction(&self) -> &RwLock<Option<Transaction>> {
        &self.transaction
    }

    /// Runs a call. A rollback cancels it: nobody may await it any more, or the whole program would wait for a lock.
    pub async fn run<A>(&self, call: impl Future<Output = Result<A, Failure>>) -> Result<A, Failure> {
        let mut is_rolled_back = self.is_rolled_back.subscribe();
        match select(pin!(is_rolled_back.wait_for(|is| *is)), pin!(call)).await {
            Either::Left(_) => Err(ended()),
            Either::Right((answer, _)) => answer,
        }
    }

    /// Cancels the calls that run, and rolls back.
    async fn roll_back(&self) {
        self.is_rolled_back.send_replace(true);
        let transaction = self.transaction.write().await.take();
        if let Some(transaction) = transaction {
            transaction.rollback().await;
        }
    }
}

/// The end of a transaction. If it is canceled while it waits for the transaction's calls, the transaction is rolled back.
struct Ending(Arc<OpenTransaction>);

impl Ending {
    async fn commit(&self) -> Result<(), Failure> {
        let transaction = self.0.transaction.write().await.take().ok_or_else(ended)?;
        Ok(transaction.commit().await?)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let open = self.0.clone();
        runtime::spawn(async move { open.roll_back().await });
    }
}

/// What a call on an ended transaction is told.
pub fn ended() -> Failure {
    Failure::Interface("the transaction has ended".to_owned())
}

impl Answer for Transaction {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let open = OpenTransaction { transaction: RwLock::new(Some(self)), is_rolled_back: watch::Sender::default() };
        Ok(Py::new(py, Client(Target::Transaction(OfRuntime::new(Arc::new(open)))))?.into_any())
    }
}

impl Client {
    pub fn target(&self) -> &Target {
        &self.0
    }

    fn pool(&self, py: Python<'_>, function: &'static str) -> PyResult<&Pool> {
        match &self.0 {
            Target::Pool(pool) => Ok(pool),
            Target::Transaction(_) => {
                Err(Failure::Interface("is not a function of transactions".to_owned()).into_exception(py, function))
            }
        }
    }

    /// The transaction, in the process that began it.
    fn open_transaction(&self, py: Python<'_>, function: &'static str) -> PyResult<Arc<OpenTransaction>> {
        match &self.0 {
            Target::Transaction(transaction) => transaction.get().cloned(),
            Target::Pool(_) => None,
        }
        .ok_or_else(|| ended().into_exception(py, function))
    }
}

#[pymethods]
impl Client {
    /// Reads the configuration: these variables, else those of the environment.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "a dictionary of Python's cannot be borrowed as a map")]
    fn new(py: Python<'_>, variables: HashMap<String, String>) -> PyResult<Self> {
        let config = Config::from_lookup(|name| variables.get(name).map(OsString::from).or_else(|| env::var_os(name)));
        let config = config.map_err(|error| Failure::from(error).into_exception(py, "init_db"))?;
        let opened = Mutex::new(OfRuntime::new(Arc::new(Opened::of(&config))));
        Ok(Self(Target::Pool(Box::new(Pool { config, opened }))))
    }

    /// Connects.
    fn open(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "init_db")?.opened();
        Call::spawn(py, "init_db", async move { pool.db().await.map(drop) })
    }

    /// Brings the schema up to date.
    fn migrate(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "migrate")?.opened();
        Call::spawn(py, "migrate", async move { Ok(pool.db().await?.migrate().await?) })
    }

    /// Closes the pool after the calls that run.
    fn close(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "close_db")?.opened();
        Call::spawn(py, "close_db", async move {
            pool.close().await;
            Ok(())
        })
    }

    fn health(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "health")?.opened();
        Call::spawn(py, "health", async move { Ok(pool.db().await?.health().await?) })
    }

    fn begin(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "transaction")?.opened();
        Call::spawn(py, "transaction", async move { Ok(pool.db().await?.begin().await?) })
    }

    /// Commits once the transaction's calls have ended.
    fn commit(&self, py: Python<'_>) -> PyResult<Call> {
        let ending = Ending(self.open_transaction(py, "commit")?);
        Call::spawn(py, "commit", async move { ending.commit().await })
    }

    /// Rolls back. Calls of the transaction that still run are canceled.
    fn rollback(&self, py: Python<'_>) -> PyResult<Call> {
        let ending = Ending(self.open_transaction(py, "rollback")?);
        Call::spawn(py, "rollback", async move {
            ending.0.roll_back().await;
            Ok(())
        })
    }

    fn scan_wakeups(&self, py: Python<'_>) -> PyResult<Call> {
        let pool = self.pool(py, "scan_wakeups")?.opened();
        Call::spawn(py, "scan_wakeups", async move { Ok(Wakeups(pool.db().await?.scan_wakeups())) })
    }

    fn hold_scan(&self, py: Python<'_>, claim: &Bound<'_, PyAny>, lease_seconds: &Bound<'_, PyAny>) -> PyResult<Call> {
        let claim = arguments::claim(Place::new("hold_scan", "claim"), claim)?;
        let lease = arguments::seconds(Place::new("hold_scan", "lease_seconds"), lease_seconds)?;
        let pool = self.pool(py, "hold_scan")?.opened();
        Call::spawn(py, "hold_scan", async move {
            Ok(Lease(clip_saver_db::ScanLease::hold(&*pool.db().await?, claim, lease)))
        })
    }
}
