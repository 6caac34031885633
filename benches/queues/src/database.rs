//! Databases of the throwaway server, and the rows that are in them before a measurement.

use clip_saver_db::{Config, Db};
use tokio_postgres::{Client, NoTls};

/// Guilds 1000 to 1099, their channels (10 each, see `channel_id`), and the queue's row of priority 0.
const GUILDS: &str = "
insert into bot_guilds (guild_id, name) select (1000 + n)::text, 'guild ' || n from generate_series(0, 99) n;
insert into bot_channels (channel_id, guild_id, name, type, is_reading)
select (1000000000000000000 + n)::text, (1000 + n % 100)::text, 'channel-' || n, 'text', true
from generate_series(0, 999) n;
insert into bot_scan_queue (priority) values (0)";

/// Queues $1 runs, as many for each guild.
const QUEUED: &str = "
insert into bot_channel_scan_runs (channel_id, queue_guild_id, after_message_id, turn, created_at)
select (1000000000000000000 + n % 1000)::text, (1000 + n % 100)::text, n::text, n / 100,
       now() + n * interval '1 microsecond'
from generate_series(0, $1::bigint - 1) n";

/// Inserts $1 shared runs that finished yesterday and before.
const FINISHED: &str = "
insert into bot_channel_scan_runs (channel_id, queue_guild_id, after_message_id, turn, status, messages_scanned, claim_token,
                                   claim_request, worker, attempts, started_at, finished_at, created_at)
select (1000000000000000000 + n % 1000)::text, (1000 + n % 100)::text, n::text, n / 100, 'succeeded', n % 1000, 1,
       gen_random_uuid(), 'worker', 1, at, at, at
from generate_series(1, $1::bigint) n, lateral (select now() - interval '1 day' - n * interval '1 second') as t (at)";

/// A database of the server.
pub struct Database {
    url: String,
    /// A plain connection, for what is not measured.
    pub client: Client,
}

impl Database {
    /// Makes a new database.
    pub async fn create(server: &str, name: &str) -> Self {
        let admin = connect(server).await;
        admin.batch_execute(&format!("drop database if exists {name} with (force)")).await.expect("it is dropped");
        admin.batch_execute(&format!("create database {name}")).await.expect("it is created");
        let url = url_of(server, name);
        Self { client: connect(&url).await, url }
    }

    /// Makes a new database with the tables of this crate, guilds and channels.
    pub async fn migrated(server: &str, name: &str) -> Self {
        let database = Self::create(server, name).await;
        let db = database.open(1).await;
        db.migrate().await.expect("the migrations can be applied");
        db.close().await;
        database.execute(GUILDS).await;
        database
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens this crate's `Db` with at most this many connections.
    pub async fn open(&self, connections: usize) -> Db {
        open(&self.url, connections).await
    }

    /// Runs statements without parameters.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.expect("the statements are right");
    }

    /// Replaces the runs with so many queued ones.
    pub async fn queue_only(&self, runs: i64) {
        self.execute("truncate bot_channel_scan_runs; delete from bot_scan_queue; insert into bot_scan_queue (priority) values (0)").await;
        self.queue(runs).await;
    }

    /// Adds queued runs.
    pub async fn queue(&self, runs: i64) {
        self.insert(QUEUED, runs).await;
        self.execute("vacuum analyze bot_channel_scan_runs, bot_scan_queue").await;
    }

    /// Adds finished runs.
    pub async fn finish(&self, runs: i64) {
        self.insert(FINISHED, runs).await;
    }

    async fn insert(&self, sql: &str, runs: i64) {
        // The foreign keys are valid: checking each one would take longer than writing the row.
        self.execute("set session_replication_role = replica").await;
        self.client.execute(sql, &[&runs]).await.expect("the rows are right");
        self.execute("reset session_replication_role").await;
    }

    /// The bytes of WAL that the server has written so far.
    pub async fn wal(&self) -> i64 {
        self.number("select (pg_current_wal_insert_lsn() - '0/0')::bigint").await
    }

    /// The next transaction's id.
    pub async fn next_transaction(&self) -> i64 {
        self.number("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").await
    }

    /// The number that a query returns.
    pub async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.expect("the query is right").get(0)
    }
}

/// Opens a plain tokio-postgres connection.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts connections");
    tokio::spawn(connection);
    client
}

/// Opens this crate's `Db`.
pub async fn open(url: &str, connections: usize) -> Db {
    let mut config: Config = url.parse().expect("the URL is valid");
    config.pool_max = connections;
    Db::connect(config).await.expect("the server accepts connections")
}

/// The URL of another database of the server. `./dev server` prints one that ends with `/postgres`.
fn url_of(server: &str, name: &str) -> String {
    let (host, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{host}/{name}")
}

/// A channel's id.
pub fn channel_id(number: u64) -> u64 {
    1_000_000_000_000_000_000 + number
}
