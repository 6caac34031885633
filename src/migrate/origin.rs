//! Who made tables that have no history of migrations: the Python programs, or a program that has nothing to do with this one.

use crate::error::Error;

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
