//! Checks the connection of migrations: it must keep its backend, and lead to the pool's database.

use tokio_postgres::Client;

use crate::config::sessions::Target;
use crate::error::Error;
use crate::pool::db::Db;
use crate::pool::pooler::{Pooler, backend_pid, detect};
use crate::pool::sessions::Driven;

/// The database that the program uses, if migrations have their own address.
pub(super) async fn expected(db: &Db) -> Result<Option<String>, Error> {
    if db.config().migration.is_none() {
        return Ok(None);
    }
    let connection = db.connection().await?;
    let session = connection.session();
    session.track(database(session.client())).await.map(Some)
}

/// Refuses a connection through a pooler in transaction mode, where the lock would not hold, or to another database.
pub(super) async fn check(driven: &Driven, target: &Target, db: &Db, expected: Option<String>) -> Result<(), Error> {
    let Driven { client, activity, .. } = driven;
    match detect(client, target, db.config().connect_timeout).await? {
        Pooler::Absent => {}
        Pooler::Session => activity.set_backend(backend_pid(client).await?), // keeps its backend, and so the lock
        Pooler::Renaming | Pooler::Mixing => return Err(Error::migration(IN_TRANSACTION_MODE)),
    }
    if expected.is_some() && expected != Some(database(client).await?) {
        return Err(Error::migration(
            "DB_MIGRATION_URL leads to another database than the one that the program uses. Nothing was changed",
        ));
    }
    Ok(())
}

const IN_TRANSACTION_MODE: &str = "\
a pooler (PgBouncer) in transaction mode is between this program and the server, and the lock that lets one program migrate at \
a time does not hold there: set DB_MIGRATION_URL to PostgreSQL's own address, or to a pooler in session mode. Nothing was changed";

/// An identity that no two databases share.
async fn database(client: &Client) -> Result<String, Error> {
    Ok(client.query_typed_one(include_str!("database.sql"), &[]).await?.try_get(0)?)
}
