//! What the tests of faults stand on: a database with the schema, on a server that can be hurt, and a small pool.

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

/// Longer than anything here takes on a slow machine: a test that waits in vain fails.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The guild that all channels are in.
pub fn the_guild() -> GuildId {
    GuildId::from(1)
}

/// How often a test does what it does `once` times when it is run by itself: `./dev soak` says how many times that.
pub fn times(once: u64) -> u64 {
    once * env::var("SOAK").map_or(1, |factor| factor.parse().expect("SOAK is a number"))
}

/// The server of the tests that leave it as it is, each in a database of its own.
pub fn shared_server() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(|| Server::start(&[])).url
}

/// Does something to a server, and lets the load go on meanwhile.
pub fn tell(server: &mut Server, command: &str) {
    block_in_place(|| server.send_command(command));
}

/// A database with the schema, and a pool of 16 connections to it.
pub struct Rig {
    /// Where the database is.
    pub url: String,
    pub config: Config,
    pub db: Db,
}

impl Rig {
    /// A new database of a server.
    pub async fn new(server: &str) -> Self {
        let url = new_database(server).await;
        Self::reached_by(&url, &url).await
    }

    /// A pool that reaches the database at `url` by another one.
    pub async fn reached_by(url: &str, pool: &str) -> Self {
        let config = config(pool);
        let db = Db::connect(config.clone()).await.expect("the database is there");
        Self { url: url.to_owned(), config, db }
    }

    /// Longer than a call may take that is sent once more, with what it waits for: a connection that comes free, one that is
    /// made, and the end of a statement, or of a server's silence, which is given 5 s more.
    pub fn limit(&self) -> Duration {
        let Config { acquire_timeout, connect_timeout, statement_timeout, .. } = self.config;
        2 * (acquire_timeout + connect_timeout + statement_timeout.expect("it is set") + Duration::from_secs(5))
    }

    /// Runs SQL, any number of statements.
    pub async fn execute(&self, sql: &str) {
        connect(&self.url).await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Waits until all connections of the pool can be out at once and each gives an answer; returns how long that took.
    pub async fn refills(&self) -> Duration {
        let begun = Instant::now();
        let full = async { while self.all_connections().await.is_err() {} };
        timeout(PATIENCE, full).await.expect("the pool is full again");
        begun.elapsed()
    }

    /// All connections of the pool at once; each has just given an answer.
    pub async fn all_connections(&self) -> Result<Vec<Connection>, Error> {
        let one = || async {
            let connection = self.db.connection().await?;
            db::get_guild(&connection, the_guild()).await?.expect("the guild is stored");
            Ok(connection)
        };
        try_join_all((0..self.config.pool_max).map(|_| one())).await
    }
}

/// Of 16 connections, with short timeouts.
pub fn config(url: &str) -> Config {
    let mut config: Config = url.parse().expect("the URL is valid");
    config.pool_max = 16;
    config.acquire_timeout = Duration::from_secs(5);
    config.connect_timeout = Duration::from_secs(10);
    config.statement_timeout = Some(Duration::from_secs(2));
    config
}

/// A plain connection, for what tests arrange and look at in SQL.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts connections");
    tokio::spawn(connection);
    client
}

/// Creates a database with the schema, in which new channels are read, and returns its URL.
async fn new_database(server: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("faults_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    connect(server).await.batch_execute(&format!("create database {name}")).await.expect("it can be created");
    let url = format!("{}/{name}", server.rsplit_once('/').expect("it ends in /database").0);
    let db = Db::connect(config(&url)).await.expect("the database is there");
    db.migrate().await.expect("migrations/ can be applied");
    db::upsert_guild(&db, &GuildSnapshot::new(the_guild(), "guild")).await.expect("it can be stored");
    db.close().await;
    let read = "alter table bot_channels alter is_reading set default true";
    connect(&url).await.batch_execute(read).await.expect("the table is there");
    url
}

/// Waits until a query gives `true`.
pub async fn becomes(client: &Client, sql: &str) {
    let it_does = async { while !client.query_one(sql, &[]).await.expect("the query is valid").get::<_, bool>(0) {} };
    timeout(PATIENCE, it_does).await.unwrap_or_else(|_| panic!("{sql}: never true"));
}
