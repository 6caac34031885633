//! Who made tables that have no history of migrations: the Python programs, or a program that has nothing to do with this one.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::Error;

/// Names that other programs give to tables, too.
const COMMON_NAMES: [&str; 2] = ["users", "guild_settings"];

/// Who made tables without a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The first generation of the Python programs (psycopg3), whose tables are those of `V1`.
    Psycopg,
    /// The second generation (Tortoise), whose tables differ from `V1`.
    Tortoise,
    /// Another program: what it has under the names of this program's tables.
    Other(Vec<String>),
}

impl Origin {
    /// `None` if nothing has the name of a table.
    pub(super) async fn read(client: &Client, schema: &str) -> Result<Option<Self>, Error> {
        let rows = client.query_typed(include_str!("origin.sql"), &[(&schema, Type::TEXT)]).await?;
        let (mut names, mut is_python, mut is_tortoise) = (Vec::new(), false, false);
        for row in &rows {
            let (name, has_keys, has_later_column): (String, bool, bool) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            is_python |= has_keys && !COMMON_NAMES.contains(&name.as_str());
            is_tortoise |= has_later_column;
            names.push(name);
        }
        Ok(match names.is_empty() {
            true => None,
            false if is_python && is_tortoise => Some(Self::Tortoise),
            false if is_python => Some(Self::Psycopg),
            false => Some(Self::Other(names)),
        })
    }

    /// Refuses to work among another program's tables.
    pub(super) fn check(&self, schema: &str) -> Result<(), Error> {
        let Self::Other(names) = self else { return Ok(()) };
        Err(Error::migration(format!(
            "the schema {schema} holds tables of another program: {} have names that this program needs. Nothing was changed. \
             Set DB_SCHEMA to a schema for this program alone",
            names.join(", ")
        )))
    }
}
