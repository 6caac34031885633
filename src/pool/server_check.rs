//! Asks the server, on a new connection, about a session that does not answer or has refused a write.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::backend_pid;
use super::connect::Route;
use crate::error::Error;

/// How long the server may take to answer.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks about one session.
pub(super) struct ServerCheck {
    route: Route,
    /// The session's backend.
    pid: i32,
}

/// What the server answers.
pub(super) enum Answer {
    Facts {
        /// Whether it is running a statement of the session.
        is_running: bool,
        is_read_only: bool,
    },
    /// It has no room for one more connection.
    Full,
    /// It refuses the connection for another reason.
    Refused,
    Silence,
}

impl ServerCheck {
    pub(super) async fn of(client: &Client, route: &Route) -> Result<Self, Error> {
        Ok(Self { route: route.to_any(), pid: backend_pid::announced(client).await? })
    }

    pub(super) async fn ask(&self) -> Answer {
        match timeout(CHECK_TIMEOUT, self.query()).await {
            Ok(Ok((is_running, is_read_only))) => Answer::Facts { is_running, is_read_only },
            Ok(Err(error)) if error.sqlstate() == Some(SqlState::TOO_MANY_CONNECTIONS.code()) => Answer::Full,
            Ok(Err(error)) if error.sqlstate().is_some() => Answer::Refused,
            Ok(Err(_)) | Err(_) => Answer::Silence,
        }
    }

    async fn query(&self) -> Result<(bool, bool), Error> {
        let (client, connection) = self.route.connect(&Arc::default()).await?;
        let asking = async move {
            let row = client.query_typed_one(include_str!("server_check.sql"), &[(&self.pid, Type::INT4)]).await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        join(asking, connection).await.0 // the connection ends with its client
    }
}
