//! Detects a pooler, such as PgBouncer, between this program and the server.
//!
//! A pooler in transaction mode runs each transaction on any free backend. A named statement is then prepared on one backend
//! and run on another: it fails or, if several programs use the same names, returns another program's rows. So
//! [`Db`](crate::Db) looks for a pooler before it sends the first named statement.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Transaction};

use super::backend_pid;
use super::sessions::{Driven, connect_alone};
use crate::config::sessions::Target;
use crate::error::{Error, ErrorKind};

/// How long to wait for a notification, which the server sends at once.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pooler between this program and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// No pooler: we talk to PostgreSQL directly.
    Absent,
    /// Session mode: each connection keeps its own backend.
    Session,
    /// Transaction mode, and the pooler keeps its clients' prepared statements apart by renaming them.
    Renaming,
    /// Transaction or statement mode, and the pooler mixes up its clients' prepared statements.
    Mixing,
}

impl Pooler {
    pub(crate) fn mode(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Session => Some("session"),
            Self::Renaming | Self::Mixing => Some("transaction"),
        }
    }

    /// Whether each connection keeps its server process, and so its settings.
    pub(super) fn keeps_process(self) -> bool {
        matches!(self, Self::Absent | Self::Session)
    }

    /// Refuses a pooler behind which calls could return other programs' rows.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self != Self::Mixing {
            return Ok(());
        }
        Err(Error::pooler(
            "a pooler (PgBouncer) is between this program and the server, in transaction or statement mode, and does not keep \
             prepared statements apart: queries would fail or return other programs' rows. Connect to PostgreSQL directly; or \
             use session mode, or PgBouncer 1.21 or later with max_prepared_statements above 0; or set \
             DB_PREPARED_STATEMENTS=off (slower; for any pooler in transaction mode), or =on if this pooler does keep them \
             apart",
        ))
    }
}

/// The process id of the backend that serves a client. One round trip, without a named statement.
pub(crate) async fn backend_pid(client: &Client) -> Result<i32, Error> {
    Ok(client.query_typed_one(include_str!("pooler/backend_pid.sql"), &[]).await?.try_get(0)?)
}

/// Detects the pooler between a client and the server. Without one, the backend's process id is the one that the client got
/// when it connected; a pooler makes up an id. If there is one, opens one more connection to the same target to find out its
/// mode.
pub(crate) async fn detect(client: &Client, target: &Target, connect_timeout: Duration) -> Result<Pooler, Error> {
    let pid = backend_pid(client).await?;
    if pid == backend_pid::announced(client).await? {
        return Ok(Pooler::Absent);
    }
    match timeout(connect_timeout, Box::pin(detect_mode(client, pid, target))).await {
        Ok(Err(error)) if is_mixed_up(&error) => Ok(Pooler::Mixing),
        Ok(pooler) => pooler,
        Err(_) => Err(Error::new(ErrorKind::ConnectTimeout)),
    }
}

/// Finds out the mode by `notify`. In session mode an idle connection receives what another one sends. In every other mode an
/// idle connection has no backend, and the pooler discards the notification. Process ids alone do not prove session mode: with
/// two poolers behind one address they always differ.
async fn detect_mode(client: &Client, pid: i32, target: &Target) -> Result<Pooler, Error> {
    let payload = rand::random::<u64>().to_string();
    let (mut connection, received) = listener(target, payload.clone()).await?;
    // In all modes one backend runs a transaction, and no other client runs the statements that it prepares.
    let transaction = connection.client.transaction().await?;
    let Probe { pid: listening, is_renamed } = probe(&transaction).await?;
    if is_renamed {
        return Ok(Pooler::Renaming);
    }
    if listening == pid {
        return Ok(Pooler::Mixing); // two connections share a backend
    }
    transaction.batch_execute(include_str!("pooler/listen.sql")).await?;
    transaction.commit().await?;
    client.query_typed(include_str!("pooler/notify.sql"), &[(&listening, Type::INT4), (&payload, Type::TEXT)]).await?;
    let is_received = matches!(timeout(NOTIFY_TIMEOUT, received).await, Ok(Ok(())));
    Ok(if is_received { Pooler::Session } else { Pooler::Mixing })
}

/// A new connection, and a channel that says when it received the payload.
async fn listener(target: &Target, payload: String) -> Result<(Driven, oneshot::Receiver<()>), Error> {
    let (sender, received) = oneshot::channel();
    let mut sender = Some(sender);
    let on_message = move |message| {
        if matches!(message, AsyncMessage::Notification(notification) if notification.payload() == payload) {
            sender.take().map(|sender| sender.send(()));
        }
    };
    Ok((connect_alone(target, None, on_message).await?, received))
}

struct Probe {
    /// The process id of the backend that runs the transaction.
    pid: i32,
    /// Whether the pooler gave a named statement another name.
    is_renamed: bool,
}

async fn probe(transaction: &Transaction<'_>) -> Result<Probe, Error> {
    let sql = include_str!("pooler/probe.sql");
    let _prepared = transaction.prepare(sql).await?;
    let row = transaction.query_typed_one(include_str!("pooler/probe_result.sql"), &[(&sql, Type::TEXT)]).await?;
    Ok(Probe { pid: row.try_get(0)?, is_renamed: row.try_get(1)? })
}

/// Another client's statement already has the probe's name, or the pooler is in statement mode.
fn is_mixed_up(error: &Error) -> bool {
    error.sqlstate() == Some(SqlState::DUPLICATE_PSTATEMENT.code())
        || error.to_string().contains("statement pooling mode")
}
