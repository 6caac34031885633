//! The test rig of the fault tests: a database with the schema, on a server that can have faults, and a small pool.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clip_saver_db::{Config, Connection, Db, Error, GuildId, GuildSnapshot, repositories as db};
use futures::future::try_join_all;
use tokio::task::block_in_place;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::server::Server;

/// Longer than any step of a test takes on a slow machine. A test that waits longer fails.
pub const TEST_TIMEOUT: Duration = Duration::from_mins(2);

/// The guild of all channels.
pub fn the_guild() -> GuildId {
    GuildId::from(1)
}

/// The number of repetitions of a fault: `once`, or a multiple of it that `./dev soak` sets.
pub fn times(once: u64) -> u64 {
    once * env::var("SOAK").map_or(1, |factor| factor.parse().expect("SOAK is a number"))
}

/// The server of the tests that cause no fault of the server itself. Each test has its own database.
pub fn shared_server() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(|| Server::start(&[])).url
}

/// Sends a command to a server, while the load continues.
pub fn send_command(server: &mut Server, command: &str) {
    block_in_place(|| server.send_command(command));
}

/// A database with the schema, and a pool of 16 connections to it.
pub struct Rig {
    /// The URL of the database.
    pub url: String,
    pub config: Config,
    pub db: Db,
}

impl Rig {
    /// A new database on a server.
    pub async fn new(server: &str) -> Self {
        let url = new_database(server).await;
        Self::with_pool_url(&url, &url).await
    }

    /// A pool for the database at `url` that connects to the URL `pool`.
    pub async fn with_pool_url(url: &str, pool: &str) -> Self {
        let config = config(pool);
        let db = Db::connect(config.clone()).await.expect("the database exists");
        Self { url: url.to_owned(), config, db }
    }

    /// The most time that a call may take, including that it is sent again. Each time it waits for a free connection, for a new
    /// one, and for the end of the statement, or for 5 s more if the server is silent.
    pub fn limit(&self) -> Duration {
        let Config { acquire_timeout, connect_timeout, statement_timeout, .. } = self.config;
        2 * (acquire_timeout
            + connect_timeout
            + statement_timeout.expect("the timeout is set")
            + Duration::from_secs(5))
    }

    /// Runs SQL with any number of statements.
    pub async fn execute(&self, sql: &str) {
        connect(&self.url).await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Waits until all connections of the pool can be checked out at once and each answers. Returns how long that took.
    pub async fn wait_until_full(&self) -> Duration {
        let begun = Instant::now();
        let full = async { while self.all_connections().await.is_err() {} };
        timeout(TEST_TIMEOUT, full).await.expect("the pool is full again");
        begun.elapsed()
    }

    /// Checks out all connections of the pool at once. Each has just answered.
    pub async fn all_connections(&self) -> Result<Vec<Connection>, Error> {
        let one = || async {
            let connection = self.db.connection().await?;
            db::get_guild(&connection, the_guild()).await?.expect("the guild is stored");
            Ok(connection)
        };
        try_join_all((0..self.config.pool_max).map(|_| one())).await
    }
}

/// The configuration of a pool of 16 connections with short timeouts.
pub fn config(url: &str) -> Config {
    let mut config: Config = url.parse().expect("the URL is valid");
    config.pool_max = 16;
    config.acquire_timeout = Duration::from_secs(5);
    config.connect_timeout = Duration::from_secs(10);
    config.statement_timeout = Some(Duration::from_secs(2));
    config
}

/// A plain connection, for the SQL that tests run themselves.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts connections");
    tokio::spawn(connection);
    client
}

/// Creates a database with the schema, in which reading is switched on for new channels. Returns its URL.
async fn new_database(server: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("faults_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    connect(server).await.batch_execute(&format!("create database {name}")).await.expect("the database can be created");
    let url = format!("{}/{name}", server.rsplit_once('/').expect("the URL ends in /database").0);
    let db = Db::connect(config(&url)).await.expect("the database exists");
    db.migrate().await.expect("migrations/ can be applied");
    db::upsert_guild(&db, &GuildSnapshot::new(the_guild(), "guild")).await.expect("the value can be stored");
    db.close().await;
    let read = "alter table bot_channels alter is_reading set default true";
    connect(&url).await.batch_execute(read).await.expect("the table exists");
    url
}

/// Waits until a query returns `true`.
pub async fn wait_until_true(client: &Client, sql: &str) {
    let is_true = async { while !client.query_one(sql, &[]).await.expect("the query is valid").get::<_, bool>(0) {} };
    timeout(TEST_TIMEOUT, is_true).await.unwrap_or_else(|_| panic!("{sql}: never true"));
}
