//! Checks the connection of migrations: it must not go through a pooler, and must lead to the pool's database.

use tokio_postgres::Client;

use crate::error::Error;
use crate::pool::db::Db;
use crate::pool::pooler::is_direct;

/// The database that the program uses, if migrations have their own address.
pub(super) async fn expected(db: &Db) -> Result<Option<String>, Error> {
    if db.config().migration.is_none() {
        return Ok(None);
    }
    let connection = db.connection().await?;
    let session = connection.session();
    session.track(database(session.client())).await.map(Some)
}

/// Refuses a connection through a pooler, where the lock would not hold, or to another database.
pub(super) async fn check(client: &Client, expected: Option<String>) -> Result<(), Error> {
    if !is_direct(client).await? {
        return Err(Error::migration(
            "a pooler (PgBouncer) is between this program and the server, and the lock that lets one program migrate at a time \
             does not hold there: set DB_MIGRATION_URL to PostgreSQL's own address. Nothing was changed",
        ));
    }
    if expected.is_some() && expected != Some(database(client).await?) {
        return Err(Error::migration(
            "DB_MIGRATION_URL leads to another database than the one that the program uses. Nothing was changed",
        ));
    }
    Ok(())
}

/// An identity that no two databases share.
async fn database(client: &Client) -> Result<String, Error> {
    Ok(client.query_typed_one(include_str!("database.sql"), &[]).await?.try_get(0)?)
}
