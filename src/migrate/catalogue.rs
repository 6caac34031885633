//! A schema as a list of objects, and the difference between two schemas. It decides whether a database has the schema that
//! the files make.

use std::collections::BTreeMap;
use std::fmt;

use refinery::Migration;
use tokio_postgres::Client;

use super::files::{concurrent_index, files, is_non_transactional, without_comment_lines};
use super::plan::plan_on;
use super::session::with_session;
use crate::config::schema::identifier;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::db::Db;

/// Kind, table and name of an object.
type Key = (String, String, String);

/// The object's definition, and whether it is harmless: programs that do not know it can write rows.
type Definition = (String, bool);

type Catalogue = BTreeMap<Key, Definition>;

/// How a database differs from the schema that the migrations make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Difference {
    /// What is missing, has another definition, or may refuse this program's rows: one line each.
    pub wrong: Vec<String>,
    /// What others have added that does not disturb this program: one line each.
    pub tolerated: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wrong.iter().try_for_each(|line| writeln!(formatter, "  {line}"))?;
        self.tolerated.iter().try_for_each(|line| writeln!(formatter, "  {line} (tolerated)"))
    }
}

/// Compares the database with the schema that its migrations make (`clip-db check`): all files except the pending ones, or
/// `V1` if the database has no history. Needs the right to create a schema: it does so in a transaction that is rolled back.
///
/// # Errors
/// [`ErrorKind::Database`] if the role may not create a schema; [`ErrorKind::Connection`] and similar kinds.
pub async fn drift(db: &Db) -> Result<Difference, Error> {
    with_session(db, async |client| {
        let plan = plan_on(client, &db.config().schema).await?;
        let pending: Vec<i32> = plan.pending().skip(usize::from(plan.is_unrecorded)).map(|file| file.version).collect();
        let made: Vec<Migration> = files().into_iter().filter(|file| !pending.contains(&file.version())).collect();
        difference(client, &made, &db.config().schema).await
    })
    .await
}

/// Compares the database with the schema that these files make. `schema` is the tables' schema. Needs its own session: a
/// dropped call leaves a transaction open.
pub(super) async fn difference(client: &Client, files: &[Migration], schema: &str) -> Result<Difference, Error> {
    let found = read(client).await?;
    Ok(compare(&made_by(client, files).await?, &found, schema))
}

/// The schema that these files make.
async fn made_by(client: &Client, files: &[Migration]) -> Result<Catalogue, Error> {
    let expected = match client.batch_execute(include_str!("reference.sql")).await {
        Ok(()) => reference(client, files).await,
        Err(error) => Err(error.into()),
    };
    client.batch_execute("rollback").await?;
    expected
}

async fn reference(client: &Client, files: &[Migration]) -> Result<Catalogue, Error> {
    for sql in files.iter().filter_map(|file| transactional(file.sql()?)) {
        client.batch_execute(&sql).await?;
    }
    read(client).await
}

/// A file's SQL for a transaction and an empty schema. `None` if it makes nothing that can be compared.
fn transactional(sql: &str) -> Option<String> {
    if !is_non_transactional(sql) {
        return Some(sql.to_owned());
    }
    concurrent_index(sql)?;
    let statement = without_comment_lines(sql);
    let (start, length) = (statement.to_ascii_lowercase().find("concurrently")?, "concurrently".len());
    Some(format!("{}{}", &statement[..start], &statement[start + length..]))
}

/// The objects of the schema with which the search path begins.
async fn read(client: &Client) -> Result<Catalogue, Error> {
    let rows = client.query_typed(include_str!("catalogue.sql"), &[]).await?;
    let objects = rows.iter().map(|row| -> Result<_, tokio_postgres::Error> {
        Ok(((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), (row.try_get(3)?, row.try_get(4)?)))
    });
    Ok(objects.collect::<Result<_, _>>()?)
}

/// How an index of this name differs from the one that a file makes. `None` if it does not.
pub(super) async fn index_difference(client: &Client, file: &Migration, name: &str) -> Result<Option<String>, Error> {
    let until: Vec<Migration> = files().into_iter().filter(|other| other.version() <= file.version()).collect();
    let found = read(client).await?;
    let expected = made_by(client, &until).await?;
    let index = |catalogue: &Catalogue| -> Option<(Key, Definition)> {
        let is_it = |(kind, _, other): &Key| kind == "index" && other == name;
        catalogue.iter().find(|(key, _)| is_it(key)).map(|(key, definition)| (key.clone(), definition.clone()))
    };
    let (expected, found) = (index(&expected), index(&found));
    if expected == found {
        return Ok(None);
    }
    let definition = |index: Option<(Key, Definition)>| index.map_or("no index".to_owned(), |(_, (text, _))| text);
    Ok(Some(format!("expected {}, found {}", definition(expected), definition(found))))
}

fn compare(expected: &Catalogue, found: &Catalogue, schema: &str) -> Difference {
    let mut difference = Difference::default();
    for (key, (definition, _)) in expected {
        match found.get(key) {
            Some((same, _)) if same == definition => {}
            Some((other, _)) => {
                difference.wrong.push(format!("{}: expected {definition}, found {other}", object(key)));
            }
            None => difference.wrong.push(format!("{}: missing (expected {definition})", object(key))),
        }
    }
    for (key, (definition, is_harmless)) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        let (kind, table, _) = key;
        let is_ours = expected.contains_key(&("table".into(), table.clone(), String::new()));
        match kind.as_str() {
            "table" => difference.tolerated.push(format!("{}: not part of this program", object(key))),
            "column" | "constraint" | "index" | "trigger" if !is_ours => {}
            "index" if *is_harmless && is_dropped(&key.2) => {
                difference.tolerated.push(format!(
                    "{}: harmless, an older program has made it again; drop it with `drop index concurrently {}.{}` when \
                     those programs are gone",
                    object(key),
                    identifier(schema),
                    key.2
                ));
            }
            _ if *is_harmless => {
                difference.tolerated.push(format!("{}: not part of this program ({definition})", object(key)));
            }
            _ => difference.wrong.push(format!("{}: may refuse this program's rows ({definition})", object(key))),
        }
    }
    difference
}

/// Whether a file drops an index of this name.
fn is_dropped(index: &str) -> bool {
    let drops = |line: &str| line.trim_end_matches(';').split(' ').eq(["drop", "index", index]);
    files().iter().filter_map(Migration::sql).any(|sql| sql.lines().any(drops))
}

/// How an object is named in a difference.
fn object((kind, table, name): &Key) -> String {
    match (table.as_str(), name.as_str()) {
        (table, "") => format!("{kind} {table}"),
        ("", name) => format!("{kind} {name}"),
        (table, name) => format!("{kind} {table}.{name}"),
    }
}
