//! Compares the history in the database with the files in this program. Takes no lock and writes nothing.

use std::fmt;

use futures::future::join;
use refinery::Migration;
use tokio_postgres::{Client, Row};

use super::files::files;
use super::origin::Origin;
use super::place::Place;
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
    /// Applied by another program that uses refinery: the history is not this program's.
    Foreign,
}

impl State {
    /// Whether a program refuses to start because of it.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Changed | Self::Missing | Self::Late | Self::Foreign)
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
            Self::Foreign => "foreign",
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
    /// Who made the tables, if there are some and no history.
    pub origin: Option<Origin>,
    pub(super) place: Place,
}

impl Plan {
    fn of(place: Place, history: Result<Vec<Row>, Error>) -> Result<Self, Error> {
        let history = if place.has_history { history? } else { Vec::new() };
        let applied = history.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let origin = if applied.is_empty() { place.origin() } else { None };
        let is_unrecorded = matches!(origin, Some(Origin::Psycopg | Origin::Tortoise));
        Ok(Self { files: compare(&files(), &applied), is_unrecorded, origin, place })
    }

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

    /// The schema that holds the tables, or will: `DB_SCHEMA`.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.place.schema
    }

    /// Whether the schema exists. If not, [`apply`](super::apply) creates it.
    #[must_use]
    pub fn schema_exists(&self) -> bool {
        self.place.exists
    }

    /// Refuses a history that does not fit the files, tables of another program, and a schema that may be the wrong one: another
    /// schema has tables of the Python programs, and this one has no tables; or the role's own search path leads to the
    /// others, and the tables here lack a history or rows.
    ///
    /// # Errors
    /// [`ErrorKind::Migration`] names each file that is changed, missing or late, the other program's tables, or the other
    /// schemas; or says that the history is another program's.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(first) = self.with(|state| state == State::Foreign).next() {
            return Err(Error::migration(format!(
                "the history (refinery_schema_history) in the schema {} is another program's: its first migration is \
                 {first}. Nothing was changed. Set DB_SCHEMA to a schema for this program's tables, or use another database",
                self.schema()
            )));
        }
        let problems: Vec<String> = self.with(State::is_wrong).map(problem).collect();
        if !problems.is_empty() {
            return Err(Error::migration(problems.join("; ")));
        }
        self.check_origin()?;
        self.place.check(self.files.iter().any(|file| file.applied_on.is_some()))
    }

    /// Refuses tables of another program.
    pub(super) fn check_origin(&self) -> Result<(), Error> {
        self.origin.as_ref().map_or(Ok(()), |origin| origin.check(self.schema()))
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
    let (session, schema) = (connection.session(), &db.config().schema);
    let client = session.client();
    if !session.limits.keeps_statements {
        return session.track(Box::pin(session.in_transaction(plan_on(client, schema)))).await; // sets the search path
    }
    // The history is asked for before it is known whether there is one.
    let (place, history) = session.track(join(Place::read(client, schema, &files()[0]), history(client))).await;
    Plan::of(place?, history)
}

/// The same in a transaction, where no query may fail.
pub(super) async fn plan_on(client: &Client, schema: &str) -> Result<Plan, Error> {
    let place = Place::read(client, schema, &files()[0]).await?;
    let history = if place.has_history { history(client).await } else { Ok(Vec::new()) };
    Plan::of(place, history)
}

async fn history(client: &Client) -> Result<Vec<Row>, Error> {
    Ok(client.query_typed(include_str!("history.sql"), &[]).await?)
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
        version: i32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(i32::MAX),
        name: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        applied_on: row.try_get(2)?,
        checksum: row.try_get(3)?,
    })
}

fn compare(files: &[Migration], applied: &[Entry]) -> Vec<File> {
    let newest_file = files.iter().map(Migration::version).max().unwrap_or_default();
    let newest_applied = applied.iter().map(|entry| entry.version).max().unwrap_or(-1);
    let same_version = |entry: &Entry| files.iter().find(|file| file.version() == entry.version);
    let is_ours =
        |entry: &Entry| same_version(entry).is_some_and(|file| entry.checksum == Some(file.checksum().to_string()));
    let has_other_name = |entry: &Entry| same_version(entry).is_none_or(|file| file.name() != entry.name);
    let is_foreign = !applied.iter().any(is_ours) && applied.iter().any(has_other_name);
    let recorded = applied.iter().map(|entry| {
        let state = match same_version(entry) {
            _ if is_foreign => State::Foreign,
            Some(file) if entry.checksum == Some(file.checksum().to_string()) => State::Applied,
            Some(_) => State::Changed,
            None if entry.version > newest_file => State::Newer,
            None => State::Missing,
        };
        File { version: entry.version, name: entry.name.clone(), state, applied_on: entry.applied_on.clone() }
    });
    let unrecorded = files.iter().filter(|file| applied.iter().all(|entry| entry.version != file.version()));
    let unapplied = unrecorded.map(|file| {
        let state = if is_foreign || file.version() > newest_applied { State::Pending } else { State::Late };
        File { version: file.version(), name: file.name().to_owned(), state, applied_on: None }
    });
    let mut all: Vec<File> = recorded.chain(unapplied).collect();
    all.sort_by_key(|file| file.version);
    all
}
