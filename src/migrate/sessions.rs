//! The sessions that hold back a migration, as `pg_stat_activity` shows them.

use std::fmt;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::Error;
use crate::pool::db::Db;

/// A session that holds back a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingSession {
    /// Its process id, for `select pg_terminate_backend(…)`; 0 for a transaction that was prepared for two-phase commit.
    pub pid: i32,
    /// The name that its program gave it; may be empty.
    pub application_name: String,
    /// Its role.
    pub user: String,
    /// The address of its program. `None`: a Unix socket, or hidden.
    pub client: Option<String>,
    /// What it is doing, such as `active` or `idle in transaction`. `None`: hidden from this role.
    pub state: Option<String>,
    /// How long it has been in this state. `None`: hidden.
    pub since: Option<Duration>,
    /// The first words of its last statement, up to the first literal. `None`: hidden.
    pub query: Option<String>,
}

impl BlockingSession {
    /// Whether it does nothing, but keeps its transaction open.
    #[must_use]
    pub fn is_idle_in_transaction(&self) -> bool {
        self.state.as_deref().is_some_and(|state| state.starts_with("idle in transaction"))
    }

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let since: Option<f64> = row.try_get(5)?;
        Ok(Self {
            pid: row.try_get(0)?,
            application_name: row.try_get(1)?,
            user: row.try_get(2)?,
            client: row.try_get(3)?,
            state: row.try_get(4)?,
            since: since.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            query: row.try_get(6)?,
        })
    }
}

impl fmt::Display for BlockingSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return formatter.write_str("a prepared transaction (see pg_prepared_xacts)");
        }
        write!(formatter, "pid {} ({:?} of user {}", self.pid, self.application_name, self.user)?;
        let (Some(state), Some(since), Some(query)) = (&self.state, self.since, &self.query) else {
            return formatter
                .write_str(", state and statement hidden from this role, which is no member of pg_read_all_stats)");
        };
        let client = self.client.as_deref().unwrap_or("a Unix socket");
        write!(formatter, " from {client}, {state} for {:.0} s, last statement: {query})", since.as_secs_f64())
    }
}

/// The sessions of this database whose open transactions may hold back a migration, as `clip-db doctor` lists them: they are
/// open for 3 seconds or more and hold a snapshot or a lock on a table. Of other roles' sessions the age may be hidden.
///
/// # Errors
/// [`ErrorKind::Connection`](crate::ErrorKind::Connection) and similar kinds.
pub async fn open_transactions(db: &Db) -> Result<Vec<BlockingSession>, Error> {
    let connection = db.connection().await?;
    let session = connection.session();
    let asking = async {
        let sql = include_str!("open_transactions.sql");
        let rows = session.client().query_typed(sql, &[(&db.config().schema, Type::TEXT)]).await?;
        look_up(session.client(), &pids(&rows)?).await
    };
    session.track(asking).await
}

/// All sessions in one line.
pub(super) fn listed(sessions: &[BlockingSession]) -> String {
    sessions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Looks sessions up by their process ids. Those that have ended are left out.
pub(super) async fn look_up(client: &Client, pids: &[i32]) -> Result<Vec<BlockingSession>, Error> {
    let rows = client.query_typed(include_str!("sessions.sql"), &[(&pids, Type::INT4_ARRAY)]).await?;
    Ok(rows.iter().map(BlockingSession::of).collect::<Result<_, _>>()?)
}

/// The process ids in the first column.
pub(super) fn pids(rows: &[Row]) -> Result<Vec<i32>, Error> {
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Ends a session if it has been idle in transaction for this long. Returns whether it has done so.
pub(super) async fn end_idle(client: &Client, pid: i32, at_least: Duration) -> Result<bool, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&pid, Type::INT4), (&at_least.as_secs_f64(), Type::FLOAT8)];
    let rows = client.query_typed(include_str!("end_idle.sql"), &parameters).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}
