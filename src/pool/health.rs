//! Whether the database can be used right now: for a readiness probe.

use std::time::Duration;

use tokio::time::Instant;

use super::db::Db;
use super::pooler::Pooler;
use crate::error::{Error, ErrorKind};

/// How the pool and its server are, as [`Db::health`] found them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How long a question to the server took, without the wait for a connection.
    pub round_trip: Duration,
    /// Whether the server takes no writes: a standby, or a database that is set to read only.
    pub is_read_only: bool,
    /// Connections that are open.
    pub connections: usize,
    /// The most that may be: `DB_POOL_MAX`.
    pub most_connections: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
    /// The mode of the pooler between program and server: `session`, or `transaction` with prepared statements kept apart.
    /// `None` without a pooler, or if `DB_PREPARED_STATEMENTS` is not `auto`.
    pub pooler: Option<&'static str>,
}

impl Db {
    /// Asks the server a question on a connection of the pool: ready is who gets an answer. Without one this takes as long as
    /// any call (`DB_ACQUIRE_TIMEOUT`, `DB_CONNECT_TIMEOUT`): give a probe that is in a hurry a timeout of its own.
    ///
    /// ```no_run
    /// # async fn probe(database: clip_saver_db::Db) -> &'static str {
    /// match database.health().await {
    ///     Ok(health) if !health.is_read_only => "200 ready",
    ///     Ok(_) => "503 the database takes no writes",
    ///     Err(_) => "503 no database",
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Db::connection`], and [`ErrorKind::Connection`] if the connection breaks.
    pub async fn health(&self) -> Result<Health, Error> {
        let looked = match self.look().await {
            // The server was restarted, and this connection had not noticed yet: the pool has a new one.
            Err(error) if error.kind() == ErrorKind::Connection => self.look().await,
            looked => looked,
        };
        looked.map_err(|error| error.in_function("health"))
    }

    async fn look(&self) -> Result<Health, Error> {
        let connection = self.connection().await?;
        let asked = Instant::now();
        let rows = connection.session().query_unnamed(include_str!("health.sql")).await?;
        let round_trip = asked.elapsed();
        let is_read_only = rows.first().is_some_and(|row| row.get(0));
        let pool = self.pool_status();
        Ok(Health {
            round_trip,
            is_read_only,
            connections: pool.size,
            most_connections: pool.max_size,
            waiting: self.waiting(),
            pooler: self.pooler().and_then(Pooler::mode),
        })
    }
}
