//! Compares the history in the database with the files in this program. Takes no lock and writes nothing.

use std::fmt;

use refinery::Migration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::files::files;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// The state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Applied, and this program has the same file.
    Applied,
    /// Not applied yet.
    Pending,
    /// Applied by a newer program. This one keeps working: a newer release keeps what the last one needs.
    Newer,
    /// Applied, but this program's file differs.
    Changed,
    /// Applied, but this program has no file of that version, although it has later ones.
    Missing,
    /// Not applied, although a later file was.
    Late,
}

impl State {
    /// Whether a program refuses to start because of it.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Changed | Self::Missing | Self::Late)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Newer => "newer",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Late => "late",
        })
    }
}

/// One migration, from the files or the history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// The number behind `V`.
    pub version: i32,
    /// The name behind `__`.
    pub name: String,
    /// Its state.
    pub state: State,
    /// When it was applied, as refinery recorded it (RFC 3339).
    pub applied_on: Option<String>,
}

impl fmt::Display for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "V{}__{}", self.version, self.name)
    }
}

/// Which migrations are applied, and which are pending.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// All migrations, by version.
    pub files: Vec<File>,
    /// There are tables, but no history: the Python programs made the database. [`apply`](super::apply) adopts it if its
    /// tables are those of `V1`.
    pub is_unrecorded: bool,
}

impl Plan {
    /// The pending migrations, in order.
    pub fn pending(&self) -> impl Iterator<Item = &File> {
        self.with(|state| state == State::Pending)
    }

    /// The migrations that a newer program has applied.
    pub fn newer(&self) -> impl Iterator<Item = &File> {
        self.with(|state| state == State::Newer)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        !self.is_unrecorded && self.pending().next().is_none()
    }

    /// Refuses a history that does not fit the files.
    ///
    /// # Errors
    /// [`ErrorKind::Migration`] names each file that is changed, missing or late.
    pub fn check(&self) -> Result<(), Error> {
        let problems: Vec<String> = self.with(State::is_wrong).map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::migration(problems.join("; "))) }
    }

    fn with(&self, wanted: impl Fn(State) -> bool) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| wanted(file.state))
    }
}

fn problem(file: &File) -> String {
    match file.state {
        State::Changed => format!("{file} was applied, but this program's file differs: restore the file"),
        State::Missing => format!("{file} was applied, but this program has no such file: restore it"),
        _ => format!("{file} was not applied, although a later file was: give it the next free version"),
    }
}

/// Compares the history with the files in one round trip, without a lock. The right to read the history is enough.
///
/// # Errors
/// [`ErrorKind::Database`] if the history cannot be read; [`ErrorKind::Connection`] and similar kinds.
pub async fn plan(db: &Db) -> Result<Plan, Error> {
    let connection = db.connection().await?;
    let session = connection.session();
    session.track(plan_on(session.client())).await
}

pub(super) async fn plan_on(client: &Client) -> Result<Plan, Error> {
    let history = match client.query_typed(include_str!("history.sql"), &[]).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Vec::new(),
        history => history?,
    };
    let applied = history.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let is_unrecorded = applied.is_empty() && has_tables(client).await?;
    Ok(Plan { files: compare(&files(), &applied), is_unrecorded })
}

/// A row of the history.
struct Entry {
    version: i32,
    name: String,
    applied_on: Option<String>,
    checksum: Option<String>,
}

fn entry(row: &Row) -> Result<Entry, Error> {
    Ok(Entry {
        version: row.try_get(0)?,
        name: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        applied_on: row.try_get(2)?,
        checksum: row.try_get(3)?,
    })
}

async fn has_tables(client: &Client) -> Result<bool, Error> {
    let rows = client.query_typed(include_str!("unrecorded.sql"), &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn compare(files: &[Migration], applied: &[Entry]) -> Vec<File> {
    let newest_file = files.iter().map(Migration::version).max().unwrap_or_default();
    let newest_applied = applied.iter().map(|entry| entry.version).max().unwrap_or(-1);
    let recorded = applied.iter().map(|entry| {
        let state = match files.iter().find(|file| file.version() == entry.version) {
            Some(file) if entry.checksum == Some(file.checksum().to_string()) => State::Applied,
            Some(_) => State::Changed,
            None if entry.version > newest_file => State::Newer,
            None => State::Missing,
        };
        File { version: entry.version, name: entry.name.clone(), state, applied_on: entry.applied_on.clone() }
    });
    let unrecorded = files.iter().filter(|file| applied.iter().all(|entry| entry.version != file.version()));
    let unapplied = unrecorded.map(|file| {
        let state = if file.version() > newest_applied { State::Pending } else { State::Late };
        File { version: file.version(), name: file.name().to_owned(), state, applied_on: None }
    });
    let mut all: Vec<File> = recorded.chain(unapplied).collect();
    all.sort_by_key(|file| file.version);
    all
}
