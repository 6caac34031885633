//! Time, and races that happen for certain: callers queue behind a lock, and all go on when it is released.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{Db, GenericClient as _, Transaction};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::{TestDatabase, config, connect, value};

/// Longer than anything here takes on a slow machine: a test that waits in vain fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The transaction's time.
pub async fn now(transaction: &Transaction) -> DateTime<Utc> {
    transaction.query_one("select now()", &[]).await.expect("the transaction is open").get(0)
}

/// An open transaction of somebody else.
pub struct Obstacle {
    other: Client,
    observer: Client,
}

impl Obstacle {
    /// Begins a transaction and runs SQL that locks what the callers want.
    pub async fn new(database: &TestDatabase, sql: &str) -> Self {
        let other = connect(&database.url()).await;
        other.batch_execute(&format!("begin; {sql}")).await.expect("the SQL is valid");
        Self { other, observer: connect(&database.url()).await }
    }

    /// Waits until so many sessions of this database wait for a lock.
    pub async fn stops(&self, callers: usize) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let callers = callers.to_string();
        let all_wait = async { while value(&self.observer, waiting).await.as_ref() != Some(&callers) {} };
        timeout(PATIENCE, all_wait).await.expect("the callers come to wait");
    }

    /// Runs more SQL in the transaction.
    pub async fn also(&self, sql: &str) {
        self.other.batch_execute(sql).await.expect("the SQL is valid");
    }

    /// Ends the transaction and undoes what it did.
    pub async fn vanishes(self) {
        self.other.batch_execute("rollback").await.expect("the transaction is open");
    }

    /// Ends the transaction and keeps what it did.
    pub async fn commits(self) {
        self.other.batch_execute("commit").await.expect("the transaction is open");
    }
}

/// The same database with a connection for each of 50 callers.
pub async fn fifty_connections(database: &TestDatabase) -> Db {
    let mut config = config(&database.name);
    config.pool_max = 50;
    Db::connect(config).await.expect("the database is there")
}

/// Waits until a query gives a text.
pub async fn becomes(database: &TestDatabase, sql: &str, expected: &str) {
    let observer = connect(&database.url()).await;
    let expected = Some(expected.to_owned());
    let it_does = async { while value(&observer, sql).await != expected {} };
    timeout(PATIENCE, it_does).await.unwrap_or_else(|_| panic!("{sql}: never {expected:?}"));
}
