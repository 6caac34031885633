//! Databases that the Python programs made: tables, but no history. If they are what `V1` makes, that is written down, and
//! nothing else is touched; if not, nothing is, and the difference is told.

use refinery::{Migration, Target};
use tokio_postgres::Client;
use tracing::warn;

use super::catalogue::{Difference, difference};
use super::errors::failed;
use super::files::{files, runner};
use super::plan::plan_on;
use super::session::with_lock;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// Adopts a database that the Python programs made, and applies nothing. Returns what others have added to it, or `None`
/// if there is nothing to adopt: no table, or a history.
///
/// # Errors
/// [`ErrorKind::Migration`] with the difference, column by column, if the tables are not those of `V1`.
pub async fn adopt(db: &Db) -> Result<Option<Difference>, Error> {
    with_lock(
        db,
        async |client| {
            if plan_on(client).await?.is_unrecorded { record_first(client).await.map(Some) } else { Ok(None) }
        },
    )
    .await
}

/// Records `V1` if the database is what it makes.
pub(super) async fn record_first(client: &mut Client) -> Result<Difference, Error> {
    let first: Vec<Migration> = files().into_iter().take(1).collect();
    let difference = difference(client, &first).await?;
    if !difference.wrong.is_empty() {
        return Err(refusal(&difference));
    }
    for line in &difference.tolerated {
        warn!("adopting a database that holds more: {line}");
    }
    let runner = runner().set_target(Target::FakeVersion(first[0].version()));
    runner.run_async(client).await.map_err(failed)?;
    Ok(difference)
}

fn refusal(difference: &Difference) -> Error {
    Error::migration(format!(
        "the database has tables but no history of migrations, and they are not those of V1; nothing was changed. Mend what \
         follows by hand (docs/MIGRATION_GUIDE.md has the SQL for databases that Tortoise made), or use an empty database:\n\
         {difference}"
    ))
}
