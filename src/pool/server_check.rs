//! Asks the server, on a new connection, about a session that does not answer or has refused a write.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::types::Type;

use super::connect::Route;
use super::stream::Stream;
use crate::config::password::Asked;
use crate::error::Error;

/// How long the server may take to answer.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks about sessions on one route.
pub(super) struct ServerCheck {
    route: Route,
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
    pub(super) fn on(route: &Route) -> Self {
        Self { route: route.to_any() }
    }

    /// Asks about the session of this backend. The time that the password's source takes does not count as the server's.
    pub(super) async fn ask(&self, backend: i32) -> Answer {
        let start = Instant::now();
        let Ok(Ok(stream)) = timeout(CHECK_TIMEOUT, self.route.open(&Arc::default())).await else {
            return Answer::Silence;
        };
        let opening = start.elapsed();
        let Ok(Ok(asked)) = timeout(CHECK_TIMEOUT, self.route.ask_password()).await else {
            return Answer::Refused;
        };
        let deadline = Instant::now() + CHECK_TIMEOUT.saturating_sub(opening);
        match timeout_at(deadline, self.query(stream, &asked, backend)).await {
            Ok(Ok((is_running, is_read_only))) => Answer::Facts { is_running, is_read_only },
            Ok(Err(error)) if error.is_full() => Answer::Full,
            Ok(Err(error)) if error.sqlstate().is_some() => Answer::Refused,
            Ok(Err(_)) | Err(_) => Answer::Silence,
        }
    }

    async fn query(&self, stream: Stream, asked: &Asked, backend: i32) -> Result<(bool, bool), Error> {
        let (client, connection) = self.route.start(stream, asked).await?;
        let asking = async move {
            let row = client.query_typed_one(include_str!("server_check.sql"), &[(&backend, Type::INT4)]).await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        join(asking, connection).await.0 // the connection ends with its client
    }
}
