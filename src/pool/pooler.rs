//! What is between this program and the server: nothing, or PgBouncer or another pooler.
//!
//! A pooler in transaction mode gives each transaction whichever of the server's processes is free. The named statements that
//! this crate prepares are then in other processes than those that are asked to run them: they fail or, where several programs
//! use the same names, give the rows of others. [`Db`](crate::Db) looks before it sends the first of them.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Transaction};

use super::backend_pid;
use super::sessions::connect_alone;
use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// How long a notification may take, which the server sends at once.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// What is between this program and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// No pooler: we talk to PostgreSQL directly.
    Absent,
    /// Each connection has a process of the server for itself, as long as it lives.
    Session,
    /// A process for each transaction, and the prepared statements of all are kept apart.
    Renaming,
    /// A process for each transaction or statement, and prepared statements are mixed up.
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

    /// Refuses one behind which calls would get the rows of others.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self != Self::Mixing {
            return Ok(());
        }
        Err(Error::pooler(
            "a pooler (PgBouncer) is in between, in transaction or statement mode, and it does not keep prepared statements \
             apart: queries would fail or, worse, give the rows of others. Connect to PostgreSQL itself; or use session \
             mode, or PgBouncer 1.21 or later with max_prepared_statements above 0; or set DB_PREPARED_STATEMENTS=off \
             (slower; for any pooler in transaction mode), or =on if this pooler does keep them apart",
        ))
    }
}

/// Whether nothing is between: the server's process has the number that the client was told when it connected. A pooler makes
/// a number up. One round trip, and no statement that has a name.
pub(crate) async fn is_direct(client: &Client) -> Result<bool, Error> {
    Ok(backend_pid::told(client).await? == own_process(client).await?)
}

async fn own_process(client: &Client) -> Result<i32, Error> {
    Ok(client.query_typed_one(include_str!("pooler/process.sql"), &[]).await?.try_get(0)?)
}

/// What is between a client of this configuration and the server. If something is, one more connection is made to tell its
/// kind.
pub(crate) async fn between(client: &Client, config: &Config) -> Result<Pooler, Error> {
    let process = own_process(client).await?;
    if process == backend_pid::told(client).await? {
        return Ok(Pooler::Absent);
    }
    match timeout(config.connect_timeout, Box::pin(kind(client, process, config))).await {
        Ok(Err(error)) if is_mixed_up(&error) => Ok(Pooler::Mixing),
        Ok(kind) => kind,
        Err(_) => Err(Error::new(ErrorKind::ConnectTimeout)),
    }
}

/// Session mode is what can be shown: a connection that does nothing is told what is said on another. In every other mode it
/// has no process of the server meanwhile, and the pooler throws away what comes. Comparing processes would show less: those
/// of two poolers behind one address are never the same.
async fn kind(client: &Client, process: i32, config: &Config) -> Result<Pooler, Error> {
    let word = rand::random::<u64>().to_string();
    let (mut listener, hears) = listener(config, word.clone()).await?;
    // A transaction is served by one process in all modes, and what it prepares is met by no other client.
    let transaction = listener.transaction().await?;
    let Probe { process: listening, is_renamed } = probe(&transaction).await?;
    if is_renamed {
        return Ok(Pooler::Renaming);
    }
    if listening == process {
        return Ok(Pooler::Mixing); // at once, where nobody else is at work
    }
    transaction.batch_execute(include_str!("pooler/listen.sql")).await?;
    transaction.commit().await?;
    client.query_typed(include_str!("pooler/notify.sql"), &[(&listening, Type::INT4), (&word, Type::TEXT)]).await?;
    let is_heard = matches!(timeout(NOTIFY_TIMEOUT, hears).await, Ok(Ok(())));
    Ok(if is_heard { Pooler::Session } else { Pooler::Mixing })
}

/// A connection of its own, and what tells when the word is heard on it.
async fn listener(config: &Config, word: String) -> Result<(Client, oneshot::Receiver<()>), Error> {
    let (tell, hears) = oneshot::channel();
    let mut tell = Some(tell);
    let hear = move |message| {
        if matches!(message, AsyncMessage::Notification(note) if note.payload() == word) {
            tell.take().map(|tell| tell.send(()));
        }
    };
    let connected = connect_alone(&config.pooled_sessions(), &config.tls.connector()?, None, hear).await?;
    Ok((connected.client, hears))
}

struct Probe {
    /// The process that serves the transaction.
    process: i32,
    /// Whether a named statement got another name on its way.
    is_renamed: bool,
}

async fn probe(transaction: &Transaction<'_>) -> Result<Probe, Error> {
    let sql = include_str!("pooler/probe.sql");
    let _held = transaction.prepare(sql).await?;
    let row = transaction.query_typed_one(include_str!("pooler/probed.sql"), &[(&sql, Type::TEXT)]).await?;
    Ok(Probe { process: row.try_get(0)?, is_renamed: row.try_get(1)? })
}

/// Somebody else's statement has the probe's name, or there are no transactions.
fn is_mixed_up(error: &Error) -> bool {
    error.sqlstate() == Some(SqlState::DUPLICATE_PSTATEMENT.code())
        || error.to_string().contains("statement pooling mode")
}
