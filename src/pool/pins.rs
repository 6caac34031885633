//! Makes sure that every session has the settings that the queries were written for: the schema of the tables, the isolation
//! level, and one plan for all calls of a statement.
//!
//! Start-up options bring them. A pooler may refuse or ignore these, so a new [`Db`](crate::Db) asks a session what it has got.
//! Behind a pooler in session mode each session then sets them itself. With `DB_PREPARED_STATEMENTS=off` each transaction does.
//! Otherwise the server must have them for the role, or the program does not start. The plans are an exception: without the
//! setting, calls are only slower, and with `off` each call is planned anyway.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error as PgError};
use tracing::warn;

use crate::config::schema::ISOLATION;
use crate::config::{Config, PreparedStatements};
use crate::error::Error;

/// The pinned settings of a pool's sessions.
pub(crate) struct Pins {
    search_path: String,
    /// `None` if it is not pinned.
    plan_cache_mode: Option<&'static str>,
    /// Whether each new session sets them. Else start-up options bring them, or the server has them for the role.
    are_set: bool,
    /// Begins a transaction.
    pub(super) begin: String,
}

impl Pins {
    pub(super) fn of(config: &Config, are_set: bool) -> Arc<Self> {
        let search_path = config.search_path();
        let begin = match config.prepared_statements {
            PreparedStatements::Off => include_str!("begin_in_schema.sql"),
            _ => include_str!("begin.sql"),
        };
        let begin = begin.lines().last().unwrap_or_default().replace("{search_path}", &search_path);
        Arc::new(Self { search_path, plan_cache_mode: config.plan_cache_mode(), are_set, begin })
    }

    /// Sets them on a session if nothing else does.
    pub(super) async fn set(&self, client: &Client) -> Result<(), PgError> {
        if self.are_set { set(client, &self.search_path, self.plan_cache_mode).await } else { Ok(()) }
    }
}

/// Sets them on a session of its own.
pub(crate) async fn set(client: &Client, search_path: &str, plan_cache_mode: Option<&str>) -> Result<(), PgError> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&search_path, Type::TEXT), (&plan_cache_mode, Type::TEXT)];
    client.query_typed(include_str!("pins.sql"), &parameters).await.map(drop)
}

/// What a session has got.
pub(super) struct Found {
    search_path: String,
    first_schema: String,
    leads_to_schema: bool,
    isolation: String,
    plan_cache_mode: String,
    /// The statement that makes the role's sessions look in the schema.
    remedy: String,
}

/// Asks a session. One round trip, without a named statement.
pub(super) async fn found(client: &Client, config: &Config) -> Result<Found, Error> {
    let (schema, path) = (&config.schema, config.search_path());
    let sql = include_str!("pins_found.sql");
    let row = client.query_typed_one(sql, &[(schema, Type::TEXT), (&path, Type::TEXT)]).await?;
    Ok(Found {
        search_path: row.try_get(0)?,
        first_schema: row.try_get(1)?,
        leads_to_schema: row.try_get(2)?,
        isolation: row.try_get(3)?,
        plan_cache_mode: row.try_get(4)?,
        remedy: row.try_get(5)?,
    })
}

impl Found {
    /// Whether each session must set them, which it can if it keeps its server process. Refuses to start if sessions would
    /// look for the tables elsewhere and cannot be told.
    pub(super) fn must_be_set(&self, config: &Config, keeps_process: bool) -> Result<bool, Error> {
        let is_pinned = self.search_path == config.search_path()
            && self.isolation == ISOLATION
            && config.plan_cache_mode().is_none_or(|mode| self.plan_cache_mode == mode);
        if is_pinned || config.prepared_statements == PreparedStatements::Off {
            return Ok(false);
        }
        if keeps_process {
            return Ok(true);
        }
        if !self.leads_to_schema {
            return Err(self.refusal(&config.schema));
        }
        if self.isolation != ISOLATION {
            warn!(
                isolation = self.isolation,
                "calls may fail with conflicts: the queries are written for {ISOLATION}, and the pooler does not pass it on. \
                 Set default_transaction_isolation for the role"
            );
        }
        Ok(false)
    }

    fn refusal(&self, schema: &str) -> Error {
        let Self { search_path, first_schema, remedy, .. } = self;
        Error::pooler(format!(
            "DB_SCHEMA is {schema:?}, but the server's sessions begin in the schema {first_schema:?} (search_path is \
             {search_path}), and the pooler between this program and the server does not pass our setting on. Run `{remedy}` \
             and let the pooler reconnect; or set DB_PREPARED_STATEMENTS=off, with which each call sets it; or connect to \
             PostgreSQL directly"
        ))
    }
}
