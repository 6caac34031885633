//! Starts a program: connects, then brings the schema up to date.

use tracing::info;

use super::apply;
use super::progress::log;
use crate::config::{Config, get_config};
use crate::error::Error;
use crate::pool::db::Db;

/// Reads the environment (see [`get_config`]), connects, and brings the schema up to date. Several programs may start
/// at once: one migrates, the others wait for it.
///
/// Waits for a server that is starting, for `DB_CONNECT_TIMEOUT` seconds at most.
///
/// # Errors
/// As [`Db::connect`] and [`Db::migrate`].
pub async fn init_db() -> Result<Db, Error> {
    let config = get_config()?;
    info!(%config, "connecting to PostgreSQL");
    // Boxed: otherwise the caller's future would carry all of it.
    Box::pin(start(config)).await.map_err(|error| error.in_function("init_db"))
}

async fn start(config: Config) -> Result<Db, Error> {
    let db = Db::open(config).await?;
    apply(&db, log).await?;
    Ok(db)
}

impl Db {
    /// Brings the schema up to date; one round trip if it already is. [`apply`] also reports each file. Waits for other
    /// sessions are logged as warnings.
    ///
    /// # Errors
    /// As [`apply`].
    pub async fn migrate(&self) -> Result<(), Error> {
        apply(self, log).await.map_err(|error| error.in_function("migrate"))
    }
}
