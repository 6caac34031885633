//! The handle that bot and worker hold: a pool of connections, and how it is opened and closed.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use deadpool::{Runtime, Status};
use futures::future::{Either, select};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client as PgClient, Error as PgError};
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::config::{Config, Limits, get_config};
use crate::connection::Connection;
use crate::error::Error;
use crate::migrate;
use crate::observe::Waiting;
use crate::pooler::{self, Pooler};
use crate::session::{Sessions, connect_first};
use crate::sharing::{Place, Shared, Sharing};

/// Reads the environment (see [`get_config`]), connects, and brings the schema up to date. Several programs may start at
/// once: one migrates, the others wait for it.
///
/// A server that is still starting is waited for, `DB_CONNECT_TIMEOUT` seconds at most.
///
/// # Errors
/// [`Error::Config`] for a wrong variable, [`Error::Connection`], [`Error::Tls`] or [`Error::Database`] if there is no way
/// in, [`Error::Pooler`] for a pooler (`PgBouncer`) that mixes up prepared statements, [`Error::Migration`] if the database
/// holds what this version cannot work on.
pub async fn init_db() -> Result<Db, Error> {
    let config = get_config()?;
    info!(%config, "connecting to PostgreSQL");
    let start = async {
        let db = Db::open(config).await?;
        migrate::apply(&db, |_| ()).await?;
        Ok(db)
    };
    start.await.map_err(|error: Error| error.in_function("init_db"))
}

/// Ends the handle and its clones: new calls fail with [`Error::Closed`], running ones are waited for.
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
    waiting: Waiting,
    /// The epoch whose beginning was seen.
    swept: Arc<AtomicU64>,
    /// Counts the connections that are out.
    running: TaskTracker,
}

impl Db {
    /// Connects, and leaves the schema as it is. Waits for a server that is still starting.
    ///
    /// # Errors
    /// As [`init_db`].
    pub async fn connect(config: Config) -> Result<Self, Error> {
        Self::open(config).await.map_err(|error| error.in_function("connect"))
    }

    async fn open(config: Config) -> Result<Self, Error> {
        let db = Self::connect_behind_any_pooler(config).await?;
        db.pooler().await?.check()?;
        Ok(db)
    }

    /// For `clip-db doctor`, which sends unnamed statements only.
    #[doc(hidden)]
    pub async fn connect_behind_any_pooler(config: Config) -> Result<Self, Error> {
        config.check()?;
        let sharing = Arc::new(Sharing::of(config.pool_max));
        let limits = config.limits();
        let db = Self {
            pool: pool(&config)?,
            sharing,
            config,
            limits,
            waiting: Waiting::default(),
            swept: Arc::default(),
            running: TaskTracker::new(),
        };
        drop(db.connection().await?);
        Ok(db)
    }

    /// What is between this program and the server.
    #[doc(hidden)]
    pub async fn pooler(&self) -> Result<Pooler, Error> {
        let connection = self.connection().await?;
        connection.track(pooler::between(&connection, &self.config)).await
    }

    /// Brings the schema up to date; one round trip if it is. [`migrate::apply`] reports each file.
    ///
    /// # Errors
    /// [`Error::Migration`] if the database holds what this version cannot work on, and whatever keeps a file from being
    /// applied.
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate::apply(self, |_| ()).await.map_err(|error| error.in_function("migrate"))
    }

    /// Whether migrations have an address of their own: `DB_MIGRATION_URL`.
    pub(crate) fn migrates_elsewhere(&self) -> bool {
        self.config.migration.is_some()
    }

    /// The connection that migrates, and the task that drives it: none of the pool, whose limits are for short calls.
    pub(crate) async fn connect_to_migrate(&self) -> Result<(PgClient, JoinHandle<Result<(), PgError>>), Error> {
        let (hosts, tls) = self.config.migrating_sessions();
        let connected =
            timeout(self.config.connect_timeout, connect_first(hosts.iter().enumerate(), &tls.connector()?)).await;
        let connected = connected.ok().flatten().ok_or(Error::ConnectTimeout { function: "" })?;
        let (client, connection, _) = connected.map_err(Error::connecting)?;
        Ok((client, tokio::spawn(connection)))
    }

    /// Takes a connection from the pool, for several calls in a row. Dropping it gives it back. For a transaction there is
    /// [`Db::begin`]: one that is begun by hand here would still be open when the connection goes back.
    ///
    /// # Errors
    /// [`Error::PoolTimeout`] if none comes free in `DB_ACQUIRE_TIMEOUT`, [`Error::Connection`] or
    /// [`Error::ConnectTimeout`] if none can be made, [`Error::Closed`] after `close_db`.
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
            // Nobody waits for a connection who can share one.
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
