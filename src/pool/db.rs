//! The handle that bot and worker hold: a pool of connections, and how it is opened and closed.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use deadpool::{Runtime, Status};
use futures::future::{Either, select};
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::observe::Waiting;
use super::pooler::{self, Pooler};
use super::sessions::Sessions;
use super::sharing::{Place, Shared, Sharing};
use crate::config::{Config, Limits, PreparedStatements};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;

/// Ends the handle and its clones: new calls fail with [`ErrorKind::Closed`], running ones are waited for.
///
/// That includes every [`Connection`] and [`Transaction`](crate::Transaction): drop those of your own task first, or it
/// waits for itself.
pub async fn close_db(db: &Db) {
    db.close().await;
}

/// The database: a pool of connections. Cloning it is cheap, and the clones share the pool.
///
/// ```no_run
/// use clip_saver_db::{GuildSnapshot, init_db, repositories as db};
///
/// # async fn sync(guild: GuildSnapshot) -> Result<(), clip_saver_db::Error> {
/// let database = init_db().await?;
/// db::sync_guild(&database, &guild).await?;
/// let channels = db::get_channels_by_guild(&database, guild.id).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Db {
    pool: Pool<Sessions>,
    sharing: Arc<Sharing>,
    config: Config,
    limits: Limits,
    pooler: Option<Pooler>,
    waiting: Waiting,
    /// The last epoch whose stale connections were closed.
    swept: Arc<AtomicU64>,
    /// Counts the connections that are out.
    running: TaskTracker,
}

impl Db {
    /// Connects, and leaves the schema as it is. Waits for a server that is still starting.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a wrong value; [`ErrorKind::Connection`], [`ErrorKind::ConnectTimeout`],
    /// [`ErrorKind::Tls`] or [`ErrorKind::Database`] if the server cannot be reached or refuses the connection;
    /// [`ErrorKind::Pooler`] for a pooler (`PgBouncer`) that mixes up prepared statements.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        Self::open(config).await.map_err(|error| error.in_function("connect"))
    }

    /// The same, without a function's name in the error.
    pub(crate) async fn open(config: Config) -> Result<Self, Error> {
        config.check()?;
        let mut db = Self {
            pool: pool(&config)?,
            sharing: Arc::new(Sharing::of(&config)),
            limits: config.limits(),
            config,
            pooler: None,
            waiting: Waiting::default(),
            swept: Arc::default(),
            running: TaskTracker::new(),
        };
        let connection = db.connection().await?;
        if db.config.prepared_statements == PreparedStatements::Auto {
            let session = connection.session();
            let pooler = session.track(pooler::between(session.client(), &db.config)).await?;
            pooler.check()?;
            db.pooler = Some(pooler);
        }
        Ok(db)
    }

    /// What stands between this program and the server, if that was asked.
    pub(crate) fn pooler(&self) -> Option<Pooler> {
        self.pooler
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Takes a connection from the pool, for several calls in a row. Dropping it gives it back. For a transaction there is
    /// [`Db::begin`]: one that is begun by hand here would still be open when the connection goes back.
    ///
    /// # Errors
    /// [`ErrorKind::PoolTimeout`] if none comes free in `DB_ACQUIRE_TIMEOUT`, [`ErrorKind::Connection`] or
    /// [`ErrorKind::ConnectTimeout`] if none can be made, [`ErrorKind::Closed`] after `close_db`.
    pub async fn connection(&self) -> Result<Connection, Error> {
        match self.free_connection().await? {
            Some(connection) => Ok(connection),
            None => Box::pin(self.next_connection()).await,
        }
    }

    /// Closes the connections of an epoch that is over: those that nobody takes would stay open.
    fn sweep(&self) {
        let epoch = self.pool.manager().epochs();
        if self.swept.load(Ordering::Relaxed) != epoch && self.swept.swap(epoch, Ordering::Relaxed) != epoch {
            self.pool.retain(|session, _| !session.is_spent());
        }
    }

    /// One that nobody has; `None` if all are out. A timer that is not needed would take as long as the checkout.
    async fn free_connection(&self) -> Result<Option<Connection>, Error> {
        self.sweep();
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..self.pool.timeouts() };
        let running = self.running.token();
        match self.pool.timeout_get(&at_once).await {
            Ok(session) => Ok(Some(Connection::new(session, running))),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The next that is given back.
    async fn next_connection(&self) -> Result<Connection, Error> {
        let (_waiter, running) = (self.waiting.one(), self.running.token());
        Ok(Connection::new(self.pool.get().await?, running))
    }

    pub(crate) fn pool_status(&self) -> Status {
        self.pool.status()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.count()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A place on a connection that short reads share; `None` if there is none to share.
    pub(crate) async fn share(&self) -> Result<Option<Place>, Error> {
        let Some(permit) = self.sharing.permit(self.config.acquire_timeout, &self.waiting).await? else {
            return Ok(None);
        };
        let place = match self.sharing.least_loaded() {
            (None, false) => None,
            // A read that can share a connection never waits for a free one.
            (Some(shared), is_room) if !is_room || self.pool.status().available == 0 => Some((shared, false)),
            (least_loaded, _) => match (self.free_connection().await?, least_loaded) {
                (Some(connection), _) => self.sharing.add(connection),
                (None, Some(shared)) => Some((shared, false)),
                (None, None) => Box::pin(self.share_first_to_come()).await?,
            },
        };
        Ok(place.map(|(shared, is_first)| Place { shared, is_first, permit }))
    }

    /// Waits for a connection of the pool, or for somebody else who shares one.
    async fn share_first_to_come(&self) -> Result<Option<(Arc<Shared>, bool)>, Error> {
        let opened = pin!(self.sharing.opened());
        if let (Some(shared), _) = self.sharing.least_loaded() {
            return Ok(Some((shared, false)));
        }
        match select(pin!(self.next_connection()), opened).await {
            Either::Left((connection, _)) => Ok(self.sharing.add(connection?)),
            Either::Right(_) => Ok(self.sharing.least_loaded().0.map(|shared| (shared, false))),
        }
    }

    /// What [`close_db`] does.
    pub async fn close(&self) {
        self.sharing.close();
        self.pool.close();
        self.running.close();
        self.running.wait().await;
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Db")
            .field("config", &self.config)
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

fn pool(config: &Config) -> Result<Pool<Sessions>, Error> {
    Pool::builder(Sessions::of(config)?)
        .max_size(config.pool_max)
        .wait_timeout(Some(config.acquire_timeout))
        .create_timeout(Some(config.connect_timeout))
        .queue_mode(QueueMode::Lifo) // the connection used last has its statements prepared and its caches warm
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Error::config("DB_POOL_MAX", error))
}
