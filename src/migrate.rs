//! Brings the schema up to date when a program starts. refinery applies the files and keeps the history, but has no
//! lock of its own: of programs that start together, one must migrate and the others wait.

use std::time::Duration;

use refinery::Migration;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use tracing::{info, warn};

use crate::config::Config;
use crate::error::{Error, causes};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The key of the advisory lock: "clip-db" in ASCII.
const LOCK_KEY: i64 = 0x0063_6c69_702d_6462;

/// How long to wait for another program that migrates.
const LOCK_DEADLINE: Duration = Duration::from_mins(5);

/// Applies what is missing. With nothing to do it is one round trip, without any lock.
pub(crate) async fn bring_up_to_date(client: &Client, config: &Config) -> Result<(), Error> {
    if pending(client).await? == 0 { Ok(()) } else { apply(config).await }
}

/// How many migrations are to be applied, or why that cannot be done.
async fn pending(client: &Client) -> Result<usize, Error> {
    let history = match client.query_typed(include_str!("migrate/history.sql"), &[]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return unrecorded(client).await,
        Err(error) => return Err(error.into()),
    };
    if history.is_empty() {
        return unrecorded(client).await;
    }
    let known = embedded::migrations::runner().get_migrations().clone();
    let newest = known.iter().map(Migration::version).max().unwrap_or_default();
    let mut applied = Vec::new();
    for row in &history {
        let version = check(row, &known, newest)?;
        applied.push(version);
    }
    let missing: Vec<_> = known.iter().filter(|migration| !applied.contains(&migration.version())).collect();
    if let Some(late) = missing.iter().find(|migration| applied.iter().any(|version| *version > migration.version())) {
        return Err(Error::migration(format!("{late} was never applied, although a later migration was")));
    }
    Ok(missing.len())
}

/// The version of an applied migration that is the one this program knows, or a newer one.
fn check(row: &Row, known: &[Migration], newest: i32) -> Result<i32, Error> {
    let (version, name, checksum): (i32, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    match known.iter().find(|migration| migration.version() == version) {
        Some(migration) if migration.checksum().to_string() == checksum => {}
        Some(migration) => {
            let reason = format!("{migration} was applied in another form, as V{version}__{name}: restore the file");
            return Err(Error::migration(reason));
        }
        None if version > newest => warn!(version, name, "the database is newer than this program"),
        None => {
            return Err(Error::migration(format!("V{version}__{name} was applied, but this program has no such file")));
        }
    }
    Ok(version)
}

async fn unrecorded(client: &Client) -> Result<usize, Error> {
    let rows = client.query_typed(include_str!("migrate/unmanaged.sql"), &[]).await?;
    if rows.first().is_some_and(|row| row.get(0)) {
        return Err(Error::migration(
            "the database has the tables of the Python programs but no history of migrations",
        ));
    }
    Ok(embedded::migrations::runner().get_migrations().len())
}

/// Applies the files on a connection of its own, whose end frees the lock.
async fn apply(config: &Config) -> Result<(), Error> {
    let (mut client, connection) = config.migrating_session().connect(config.tls.connector()?).await?;
    let driver = tokio::spawn(connection);
    let result = apply_locked(&mut client).await;
    drop(client);
    _ = driver.await; // whatever broke it has failed `result` too
    result
}

async fn apply_locked(client: &mut Client) -> Result<(), Error> {
    lock(client).await?;
    if pending(client).await? == 0 {
        return Ok(());
    }
    let report = embedded::migrations::runner().run_async(client).await.map_err(failed)?;
    for migration in report.applied_migrations() {
        info!(%migration, "migrated");
    }
    Ok(())
}

async fn lock(client: &Client) -> Result<(), Error> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    while !try_lock(client).await? {
        if Instant::now() > deadline {
            return Err(Error::migration("another program has been migrating for five minutes"));
        }
        sleep(Duration::from_millis(rand::random_range(20..100))).await;
    }
    Ok(())
}

async fn try_lock(client: &Client) -> Result<bool, Error> {
    let rows = client.query_typed(include_str!("migrate/try_lock.sql"), &[(&LOCK_KEY, Type::INT8)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn failed(error: refinery::Error) -> Error {
    // refinery's own text says only "db error" of what PostgreSQL reported.
    let report = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    Error::Migration { reason: format!("{error}: {report}"), source: Some(Box::new(error)) }
}
