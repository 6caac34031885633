//! The connection that migrates: outside the pool, whose limits are for short calls.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use tracing::debug;

use super::route;
use crate::config::sessions::Target;
use crate::error::{Error, ErrorKind};
use crate::pool::db::Db;
use crate::pool::pins;
use crate::pool::sessions::{Driven, connect_alone, log_notice};

/// Does work on its own connection: however it ends, no call gets a connection in an unknown state.
pub(super) async fn with_session<T>(
    db: &Db,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let expected = route::expected(db).await?;
    let target = db.config().migrating_target()?;
    let driven = connect(db, &target).await?;
    let prepared = prepare(&driven, &target, db, expected).await;
    let Driven { mut client, activity, driver, .. } = driven;
    let _call = activity.begin(); // something is awaited all the time
    let result = match prepared {
        Ok(()) => work(&mut client).await,
        Err(error) => Err(error),
    };
    drop(client);
    _ = driver.await; // if it broke, `result` is an error too
    result
}

async fn prepare(driven: &Driven, target: &Target, db: &Db, expected: Option<String>) -> Result<(), Error> {
    let _call = driven.activity.begin();
    route::check(driven, target, db, expected).await?;
    let client = &driven.client;
    pins::set(client, &db.config().search_path(), None).await?;
    client.query_typed(include_str!("session.sql"), &[]).await?;
    if let Err(error) = client.query_typed(include_str!("watched.sql"), &[]).await {
        debug!(%error, "the server cannot watch for programs that are gone");
    }
    Ok(())
}

/// One more connection, for questions while the first one is busy.
pub(super) async fn observe(db: &Db) -> Result<Client, Error> {
    Ok(connect(db, &db.config().migrating_target()?).await?.client)
}

pub(super) async fn backend_pid(client: &Client) -> Result<i32, Error> {
    Ok(client.query_typed_one(include_str!("backend_pid.sql"), &[]).await?.try_get(0)?)
}

/// How long a statement waits for one lock. Zero is for ever.
pub(super) async fn set_lock_timeout(client: &Client, timeout: Duration) -> Result<(), Error> {
    let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    client.query_typed(include_str!("lock_timeout.sql"), &[(&milliseconds, Type::INT8)]).await?;
    Ok(())
}

/// Between half of a pause and all of it, so that programs that wait together ask at different moments.
pub(super) fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}

async fn connect(db: &Db, target: &Target) -> Result<Driven, Error> {
    let (limit, silence_limit) = (db.config().connect_timeout, db.config().migrating_silence_limit());
    // Boxed: otherwise it would make every caller of `init_db` larger.
    let connecting = timeout(limit, Box::pin(connect_alone(target, Some(silence_limit), log_notice)));
    connecting.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::ConnectTimeout)))
}
