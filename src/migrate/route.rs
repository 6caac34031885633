//! The way that migrations take to the server: no pooler on it, and the same database at its end.

use tokio_postgres::Client;

use crate::error::Error;
use crate::pool::db::Db;
use crate::pool::pooler::is_direct;

/// The database that the program works on, if migrations are told to connect elsewhere.
pub(super) async fn expected(db: &Db) -> Result<Option<String>, Error> {
    if db.config().migration.is_none() {
        return Ok(None);
    }
    let connection = db.connection().await?;
    let session = connection.session();
    session.track(database(session.client())).await.map(Some)
}

/// Refuses a connection on which the lock does not hold, or that leads elsewhere. Before anything is changed.
pub(super) async fn check(client: &Client, expected: Option<String>) -> Result<(), Error> {
    if !is_direct(client).await? {
        return Err(Error::migration(
            "a pooler (PgBouncer) is in between, and the lock that lets one program migrate at a time needs a connection of its \
             own: set DB_MIGRATION_URL to PostgreSQL's own address. Nothing was changed",
        ));
    }
    if expected.is_some() && expected != Some(database(client).await?) {
        return Err(Error::migration(
            "DB_MIGRATION_URL leads to another database than the one that the program works on. Nothing was changed",
        ));
    }
    Ok(())
}

/// What no two databases have in common.
async fn database(client: &Client) -> Result<String, Error> {
    Ok(client.query_typed_one(include_str!("database.sql"), &[]).await?.try_get(0)?)
}
