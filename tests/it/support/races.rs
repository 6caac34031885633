//! Time, and races that certainly happen: the callers wait for a lock, and all continue when it is released.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{Db, GenericClient as _, Transaction};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::{TestDatabase, config, connect, value};

/// Longer than any step of a test takes on a slow machine. A test that waits longer fails.
pub const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The transaction's time.
pub async fn now(transaction: &Transaction) -> DateTime<Utc> {
    transaction.query_one("select now()", &[]).await.expect("the transaction is open").get(0)
}

/// Another session's open transaction, which holds locks.
pub struct LockHolder {
    other: Client,
    observer: Client,
}

impl LockHolder {
    /// Begins a transaction and runs SQL that takes the locks.
    pub async fn new(database: &TestDatabase, sql: &str) -> Self {
        let other = connect(&database.url()).await;
        other.batch_execute(&format!("begin; {sql}")).await.expect("the SQL is valid");
        Self { other, observer: connect(&database.url()).await }
    }

    /// Waits until exactly `callers` sessions of this database wait for a lock.
    pub async fn wait_until_blocked(&self, callers: usize) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let callers = callers.to_string();
        let all_wait = async { while value(&self.observer, waiting).await.as_ref() != Some(&callers) {} };
        timeout(TEST_TIMEOUT, all_wait).await.expect("the callers wait for the lock");
    }

    /// Runs more SQL in the transaction.
    pub async fn run_sql(&self, sql: &str) {
        self.other.batch_execute(sql).await.expect("the SQL is valid");
    }

    /// Rolls the transaction back.
    pub async fn rollback(self) {
        self.other.batch_execute("rollback").await.expect("the transaction is open");
    }

    /// Commits the transaction.
    pub async fn commit(self) {
        self.other.batch_execute("commit").await.expect("the transaction is open");
    }
}

/// A pool on the same database with 50 connections.
pub async fn fifty_connections(database: &TestDatabase) -> Db {
    let mut config = config(&database.name);
    config.pool_max = 50;
    Db::connect(config).await.expect("the database exists")
}

/// Waits until the first value of a query is this text.
pub async fn wait_for_value(database: &TestDatabase, sql: &str, expected: &str) {
    let observer = connect(&database.url()).await;
    let expected = Some(expected.to_owned());
    let reached = async { while value(&observer, sql).await != expected {} };
    timeout(TEST_TIMEOUT, reached).await.unwrap_or_else(|_| panic!("{sql}: never returned {expected:?}"));
}
