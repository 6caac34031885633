//! `Db`, the handle of bot and worker: a pool of connections, and how it is opened and closed.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::future::{Either, select, try_join};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connection::Connection;
use super::observe::WaitingCalls;
use super::pins;
use super::pooler::{self, Pooler};
use super::session_pool::SessionPool;
use super::sharing::{Shared, SharedLease, Sharing};
use crate::config::{Config, Limits, PreparedStatements};
use crate::error::{Error, ErrorKind};

/// Closes the handle and its clones: new calls fail with [`ErrorKind::Closed`]. Waits for running calls, also for those that
/// still wait for a connection.
///
/// It also waits until every [`Connection`] and [`Transaction`](crate::Transaction) is dropped, so drop those of your own task
/// first. Before all that, it lets each [`ScanLease`](crate::ScanLease) that was dropped hand its run back.
pub async fn close_db(db: &Db) {
    db.close().await;
}

/// The database: a pool of connections. Cloning it is cheap, and the clones share the pool.
///
/// It may be used in several runtimes. The one that opened a connection also drives it, so keep it running while calls use the
/// pool: a connection of a runtime that stands still is tested before it is used, but a place in the pool for one that is
/// being opened there stays taken.
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
    pub(super) pool: SessionPool,
    sharing: Arc<Sharing>,
    config: Config,
    pub(super) limits: Limits,
    /// The pooler between this program and the server. `None` if `DB_PREPARED_STATEMENTS` is not `auto`.
    pub(super) pooler: Option<Pooler>,
    pub(super) waiting: WaitingCalls,
    /// Counts the calls that wait for a connection, and the connections that are in use. Closed: it takes no new ones.
    running: TaskTracker,
    /// The calls that are made for values that were dropped, before the pool closes.
    last_calls: TaskTracker,
    is_closed: Arc<watch::Sender<bool>>,
    /// Whether it is known that no notification arrives.
    pub(super) is_without_notifications: Arc<AtomicBool>,
}

impl Db {
    /// Connects, and does not change the schema. Waits for a server that is starting.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an invalid value; [`ErrorKind::Connection`], [`ErrorKind::ConnectTimeout`],
    /// [`ErrorKind::Tls`] or [`ErrorKind::Database`] if the server cannot be reached or refuses the connection;
    /// [`ErrorKind::Pooler`] for a pooler (`PgBouncer`) that mixes up prepared statements, or whose sessions look for the
    /// tables in another schema.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        Self::open(config).await.map_err(|error| error.in_function("connect"))
    }

    /// Connects, without a function's name in the error.
    pub(crate) async fn open(config: Config) -> Result<Self, Error> {
        let mut db = Self::of(config)?;
        let connection = match db.connection().await {
            // A pooler refuses start-up options. Then the settings must come another way.
            Err(error) if error.kind() == ErrorKind::Pooler && db.config.has_only_pinned_options() => {
                db.config.pins_at_start = false;
                db.pool = SessionPool::of(&db.config, false)?;
                db.connection().await?
            }
            connection => connection?,
        };
        let session = connection.session();
        let (found, pooler) = session
            .track(try_join(pins::found(session.client(), &db.config), db.look_for_pooler(session.client())))
            .await?;
        db.pooler = pooler;
        if found.must_be_set(&db.config, pooler.is_some_and(Pooler::keeps_process))? {
            db.pool = SessionPool::of(&db.config, true)?;
        }
        Ok(db)
    }

    /// Refuses one that mixes up statements; `None` if `DB_PREPARED_STATEMENTS` says not to look.
    async fn look_for_pooler(&self, client: &Client) -> Result<Option<Pooler>, Error> {
        if self.config.prepared_statements != PreparedStatements::Auto {
            return Ok(None);
        }
        let pooler = pooler::detect(client, &self.pool.sessions.target, self.config.connect_timeout).await?;
        pooler.check().map(|()| Some(pooler))
    }

    fn of(config: Config) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            pool: SessionPool::of(&config, false)?,
            sharing: Arc::new(Sharing::of(&config)),
            limits: config.limits(),
            config,
            pooler: None,
            waiting: WaitingCalls::default(),
            running: TaskTracker::new(),
            last_calls: TaskTracker::new(),
            is_closed: Arc::default(),
            is_without_notifications: Arc::default(),
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Takes a connection from the pool, for several calls in a row. Dropping it returns it. For a transaction use
    /// [`Db::transaction`] or [`Db::begin`].
    ///
    /// # Errors
    /// [`ErrorKind::PoolTimeout`] if none becomes free in `DB_ACQUIRE_TIMEOUT`, [`ErrorKind::Connection`] or
    /// [`ErrorKind::ConnectTimeout`] if none can be opened, [`ErrorKind::Closed`] after `close_db`.
    pub async fn connection(&self) -> Result<Connection, Error> {
        let running = self.enter()?;
        match self.pool.free_session().await {
            Some(session) => Ok(Connection::new(session, running)),
            None => Box::pin(self.next_connection(running)).await,
        }
    }

    /// Counts a call, so that closing waits for it.
    fn enter(&self) -> Result<TaskTrackerToken, Error> {
        let running = self.running.token();
        if self.running.is_closed() { Err(Error::new(ErrorKind::Closed)) } else { Ok(running) }
    }

    /// Waits for a connection that is returned or opened.
    async fn next_connection(&self, running: TaskTrackerToken) -> Result<Connection, Error> {
        let _waiting = self.waiting.add();
        let session = self.pool.next_session(Instant::now() + self.config.acquire_timeout).await?;
        Ok(Connection::new(session, running))
    }

    /// Leases a connection that short reads share; `None` if there is none to share.
    pub(crate) async fn share(&self) -> Result<Option<SharedLease>, Error> {
        let running = self.enter()?;
        let Some(permit) = self.sharing.permit(self.config.acquire_timeout, &self.waiting).await? else {
            return Ok(None);
        };
        let shared = match self.sharing.least_loaded() {
            (None, false) => None,
            // A read that can share a connection never waits for a free one.
            (Some(shared), is_room) if !is_room || self.pool.status().available == 0 => {
                if is_room && shared.is_busy() {
                    self.pool.open_ahead();
                }
                Some((shared, false))
            }
            (least_loaded, _) => match (self.pool.free_session().await, least_loaded) {
                (Some(session), _) => self.sharing.add(Connection::new(session, running)),
                (None, Some(shared)) => Some((shared, false)),
                (None, None) => Box::pin(self.wait_to_share(running)).await?,
            },
        };
        Ok(shared.map(|(shared, is_first)| SharedLease { shared, is_first, _permit: permit }))
    }

    /// Waits until a connection of the pool is free, or another task shares one.
    async fn wait_to_share(&self, running: TaskTrackerToken) -> Result<Option<(Arc<Shared>, bool)>, Error> {
        let added = pin!(self.sharing.added());
        if let (Some(shared), _) = self.sharing.least_loaded() {
            return Ok(Some((shared, false)));
        }
        match select(pin!(self.next_connection(running)), added).await {
            Either::Left((connection, _)) => Ok(self.sharing.add(connection?)),
            Either::Right(_) => Ok(self.sharing.least_loaded().0.map(|shared| (shared, false))),
        }
    }

    /// Makes a call in the background, for which [`close`](Self::close) waits. Outside of a runtime it does nothing.
    pub(crate) fn spawn_before_close(&self, call: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            self.last_calls.spawn_on(call, &runtime);
        }
    }

    /// Completes when the handle is closed.
    pub(crate) async fn closed(&self) {
        _ = self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await; // it has a sender: this handle
    }

    /// Closes the handle and its clones, as [`close_db`] does.
    pub async fn close(&self) {
        self.is_closed.send_replace(true);
        self.last_calls.close();
        self.last_calls.wait().await;
        self.running.close();
        self.running.wait().await;
        self.pool.close();
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
