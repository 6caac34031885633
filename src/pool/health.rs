//! Whether the database is ready: for a readiness probe.

use std::time::Duration;

use tokio::time::Instant;

use super::db::Db;
use super::pooler::Pooler;
use crate::error::{Error, ErrorKind};

/// The state of the pool and its server, as [`Db::health`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How long a round trip to the server took, without the wait for a connection.
    pub round_trip: Duration,
    /// Whether the server accepts no writes: it is a standby, or sessions are read-only.
    pub is_read_only: bool,
    /// How many connections are open.
    pub connections: usize,
    /// How many connections may be open: `DB_POOL_MAX`.
    pub most_connections: usize,
    /// How many calls wait for a connection.
    pub waiting: usize,
    /// The mode of the pooler between program and server: `session`, or `transaction` with prepared statements kept apart.
    /// `None` without a pooler, or if `DB_PREPARED_STATEMENTS` is not `auto`.
    pub pooler: Option<&'static str>,
}

impl Db {
    /// Sends a query on a connection of the pool. The database is ready if it answers. Otherwise this takes as long as any
    /// call (`DB_ACQUIRE_TIMEOUT`, `DB_CONNECT_TIMEOUT`): for an urgent probe use `tokio::time::timeout`.
    ///
    /// ```no_run
    /// # async fn probe(database: clip_saver_db::Db) -> &'static str {
    /// match database.health().await {
    ///     Ok(health) if !health.is_read_only => "200 ready",
    ///     Ok(_) => "503 the database accepts no writes",
    ///     Err(_) => "503 no database",
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Db::connection`], and [`ErrorKind::Connection`] if the connection breaks.
    pub async fn health(&self) -> Result<Health, Error> {
        let health = match self.read_health().await {
            // The server was restarted, and this connection had not noticed it yet: the pool opens a new one.
            Err(error) if error.kind() == ErrorKind::Connection => self.read_health().await,
            health => health,
        };
        health.map_err(|error| error.in_function("health"))
    }

    async fn read_health(&self) -> Result<Health, Error> {
        let connection = self.connection().await?;
        let sent = Instant::now();
        let rows = connection.session().query_unnamed(include_str!("health.sql")).await?;
        let round_trip = sent.elapsed();
        let is_read_only = rows.first().is_some_and(|row| row.get(0));
        let pool = self.pool.status();
        Ok(Health {
            round_trip,
            is_read_only,
            connections: pool.size,
            most_connections: pool.max_size,
            waiting: self.waiting.count(),
            pooler: self.pooler.and_then(Pooler::mode),
        })
    }
}
