//! The handle that bot and worker hold: a pool of connections, and how it is opened and closed.

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Object, Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use deadpool_postgres::{Manager, Runtime};
use futures::future::{Either, select};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::{Client as PgClient, Error as PgError};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{info, warn};

use crate::config::{Config, get_config};
use crate::error::Error;
use crate::migrate;
use crate::pooler::{self, Pooler};
use crate::session::{Session, Sessions};
use crate::sharing::{Place, Shared, Sharing};

/// The longest pause between two attempts to connect to a server that is starting.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads the environment (see [`get_config`]), connects, and brings the schema up to date. Several programs may start at
/// once: one migrates, the others wait for it.
///
/// A server that is still starting is waited for, `DB_CONNECT_TIMEOUT` seconds at most.
///
/// # Errors
/// [`Error::Config`] for a wrong variable, [`Error::Connection`], [`Error::Tls`] or [`Error::Database`] if there is no way
/// in, [`Error::Pooler`] for a pooler (`PgBouncer`) that mixes up prepared statements, [`Error::Migration`] if the database holds what this version cannot work on.
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
        let db = Self { pool: pool(&config)?, sharing, config, running: TaskTracker::new() };
        db.wait_for_server().await?;
        Ok(db)
    }

    /// What is between this program and the server.
    #[doc(hidden)]
    pub async fn pooler(&self) -> Result<Pooler, Error> {
        pooler::between(&*self.connection().await?, &self.config).await
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
        let (session, tls) = self.config.migrating_session();
        let connected = timeout(self.config.connect_timeout, session.connect(tls.connector()?)).await;
        let (client, connection) = connected.map_err(|_| Error::ConnectTimeout { function: "" })??;
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

    /// One that nobody has; `None` if all are out. A timer that is not needed would take as long as the checkout.
    async fn free_connection(&self) -> Result<Option<Connection>, Error> {
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..self.pool.timeouts() };
        loop {
            let running = self.running.token();
            let session = match self.pool.timeout_get(&at_once).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => return Ok(None),
                session => session?,
            };
            if let Some(connection) = (Connection { session, running }).if_free().await {
                return Ok(Some(connection));
            }
        }
    }

    /// The next that is given back.
    async fn next_connection(&self) -> Result<Connection, Error> {
        loop {
            let running = self.running.token();
            let connection = Connection { session: self.pool.get().await?, running };
            if let Some(connection) = connection.if_free().await {
                return Ok(connection);
            }
        }
    }

    /// A place on a connection that short reads share; `None` if there is none to share.
    pub(crate) async fn share(&self) -> Result<Option<Place>, Error> {
        let Some(permit) = self.sharing.permit(self.config.acquire_timeout).await? else {
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

    /// Takes a first connection, again and again while the server is starting.
    async fn wait_for_server(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.config.connect_timeout;
        let mut pause = Duration::from_millis(50);
        for attempt in 1.. {
            let connection = timeout_at(deadline, self.connection()).await;
            let Err(error) = connection.unwrap_or(Err(Error::ConnectTimeout { function: "" })) else {
                return Ok(());
            };
            // Half of the pause at random: programs that were started together come at different moments.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            if !matches!(error, Error::Connection { .. }) || Instant::now() + jittered > deadline {
                return Err(error);
            }
            warn!(attempt, %error, "PostgreSQL cannot be reached yet, trying again");
            sleep(jittered).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
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
    let manager = Manager::new(config.pooled_session(), config.tls.connector()?);
    Pool::builder(Sessions(manager))
        .max_size(config.pool_max)
        .wait_timeout(Some(config.acquire_timeout))
        .create_timeout(Some(config.connect_timeout))
        .queue_mode(QueueMode::Lifo) // the connection used last has its statements prepared and its caches warm
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Error::config("DB_POOL_MAX", error))
}

/// A connection of the pool, for several calls in a row: repository functions run on it as on [`Db`].
pub struct Connection {
    session: Object<Sessions>,
    running: TaskTrackerToken,
}

impl Connection {
    /// This connection, unless the server is still busy with a call that was dropped: then it is closed.
    async fn if_free(self) -> Option<Self> {
        if self.session.is_free().await {
            return Some(self);
        }
        self.discard();
        None
    }

    /// Takes the connection out of the pool for good: dropping it closes the session, and the pool makes a new one.
    pub(crate) fn discard(self) {
        drop(Object::take(self.session));
        drop(self.running);
    }
}

impl Deref for Connection {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}
