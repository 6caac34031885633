//! Databases that the Python programs made: tables, but no history. If the tables are those of `V1`, `V1` is recorded, and
//! nothing else is changed. If not, nothing is changed, and the error holds the difference.

use refinery::{Migration, Target};
use tokio_postgres::Client;
use tracing::warn;

use super::catalogue::{Difference, difference};
use super::files::{files, run};
use super::lock::with_lock;
use super::obstacles::with_advice;
use super::plan::plan_on;
use super::progress::log;
use super::waits::Waits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// Adopts a database that the Python programs made, and applies nothing. Returns what others have added to it. `None` means
/// that there is nothing to adopt: the database has no tables, or it has a history.
///
/// # Errors
/// [`ErrorKind::Migration`] with the difference, column by column, if the tables are not those of `V1`; or with their names, if
/// they are another program's.
pub async fn adopt(db: &Db) -> Result<Option<Difference>, Error> {
    let schema = &db.config().schema;
    let mut waits = Waits::new(db, None, log);
    with_lock(db, &mut waits, async |client, _| {
        let plan = plan_on(client, schema).await?;
        plan.check_origin()?;
        if plan.is_unrecorded { record_v1(client, schema).await.map(Some) } else { Ok(None) }
    })
    .await
}

/// Records `V1` if the tables are those of `V1`.
pub(super) async fn record_v1(client: &mut Client, schema: &str) -> Result<Difference, Error> {
    match compare_and_record(client, schema).await {
        Err(error) => Err(with_advice(client, schema, error).await),
        difference => difference,
    }
}

async fn compare_and_record(client: &mut Client, schema: &str) -> Result<Difference, Error> {
    let first: Vec<Migration> = files().into_iter().take(1).collect();
    let difference = difference(client, &first, schema).await?;
    if !difference.wrong.is_empty() {
        return Err(refusal(&difference));
    }
    for line in &difference.tolerated {
        warn!("the database that is adopted holds more than V1: {line}");
    }
    run(client, Target::FakeVersion(first[0].version())).await?;
    Ok(difference)
}

fn refusal(difference: &Difference) -> Error {
    Error::migration(format!(
        "the database has tables but no history of migrations, and they are not those of V1; nothing was changed. Fix these \
         differences by hand (docs/MIGRATION_GUIDE.md has the SQL for databases that Tortoise made), or use an empty \
         database:\n{difference}"
    ))
}
