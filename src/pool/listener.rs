//! A session outside the pool that receives notifications (`listen`). A pooler in transaction mode delivers none: there a session
//! has a backend only while it runs a transaction.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::AsyncMessage;

use super::db::Db;
use super::pooler::{Pooler, backend_pid, detect};
use super::sessions::{Driven, connect_alone, log_notice};
use crate::config::PreparedStatements;
use crate::config::sessions::Target;
use crate::error::{Error, ErrorKind};

/// How long the server may take to answer a `listen`.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// A session that receives notifications. It ends when this is dropped.
pub(crate) struct Listener {
    driven: Driven,
    sql: &'static str,
}

impl Db {
    /// Opens a session and runs a `listen`. `notified` is called at each notification. [`ErrorKind::Pooler`] if none would
    /// arrive.
    pub(crate) async fn listen(
        &self,
        sql: &'static str,
        mut notified: impl FnMut() + Send + 'static,
    ) -> Result<Listener, Error> {
        let config = self.config();
        if config.prepared_statements == PreparedStatements::Off {
            return Err(Error::pooler("DB_PREPARED_STATEMENTS=off is for poolers in transaction mode"));
        }
        let hear = move |message| match message {
            AsyncMessage::Notification(_) => notified(),
            message => log_notice(message),
        };
        let (target, limit) = (config.pooled_target()?, config.connect_timeout);
        // Boxed because it is rare: otherwise the caller's future would carry all of it.
        let connecting = Box::pin(connect_alone(&target, Some(SILENCE_LIMIT), hear));
        let driven = timeout(limit, connecting).await.map_err(|_| Error::new(ErrorKind::ConnectTimeout))??;
        let listener = Listener { driven, sql };
        listener.begin(&target, limit).await.map(|()| listener)
    }

    /// Whether this is the first call on this handle or a clone of it: what holds for all of them is said once.
    pub(crate) fn is_first_without_notifications(&self) -> bool {
        !self.is_without_notifications.swap(true, Ordering::Relaxed)
    }
}

impl Listener {
    async fn begin(&self, target: &Target, connect_timeout: Duration) -> Result<(), Error> {
        let Self { driven: Driven { client, activity, .. }, sql } = self;
        let _call = activity.begin();
        match detect(client, target, connect_timeout).await? {
            Pooler::Absent => {}
            Pooler::Session => activity.set_backend(backend_pid(client).await?),
            Pooler::Renaming | Pooler::Mixing => {
                return Err(Error::pooler(
                    "a pooler (PgBouncer) in transaction mode is between this program and the server",
                ));
            }
        }
        client.query_typed(sql, &[]).await?;
        Ok(())
    }

    /// Waits until the session has ended. At each interval it runs the `listen` again, which does nothing but shows whether the
    /// server is still there: a dead network breaks no connection that is idle.
    pub(crate) async fn ended(&mut self, interval: Duration) {
        let Self { driven: Driven { client, activity, driver, .. }, sql } = self;
        while timeout(interval, &mut *driver).await.is_err() {
            let call = activity.begin();
            if client.query_typed(sql, &[]).await.is_err() {
                return;
            }
            call.end();
        }
    }
}
