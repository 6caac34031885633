//! The schema of the tables, and the schemas that must not be mistaken for it.
//!
//! A database may hold several sets of tables, each in a schema of its own with its own history. Tables without a history were
//! made by the Python programs, which followed the role's `search_path`. While another schema has such tables, nothing is
//! made in an empty `DB_SCHEMA` beside them. While the role's own search path leads to them, tables in `DB_SCHEMA` are used only
//! if they have a history and rows: otherwise the programs so far may have worked on the others.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::errors::create_schema_failed;
use crate::error::Error;

/// What a database holds in the schema of the tables, and elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) schema: String,
    pub(super) exists: bool,
    pub(super) has_tables: bool,
    pub(super) has_history: bool,
    /// Other schemas with tables that have no history.
    elsewhere: Vec<String>,
    /// The one of these that the role's own search path leads to.
    usual: Option<String>,
    /// Whether the tables hold rows; `None` if nothing is `usual`.
    has_rows: Option<bool>,
}

impl Place {
    pub(super) async fn read(client: &Client, schema: &str) -> Result<Self, Error> {
        let row = client.query_typed_one(include_str!("tables.sql"), &[(&schema, Type::TEXT)]).await?;
        if let Some(grant) = row.try_get::<_, Option<&str>>(1)? {
            return Err(Error::migration(format!(
                "this role may not use the schema {schema:?} (DB_SCHEMA): let its owner run `{grant}`, and grant the rights in \
                 docs/PRIVILEGES.md"
            )));
        }
        Self::from_row(schema, &row).map_err(Into::into)
    }

    fn from_row(schema: &str, row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            schema: schema.to_owned(),
            exists: row.try_get(0)?,
            has_tables: row.try_get(2)?,
            has_history: row.try_get(3)?,
            elsewhere: row.try_get(4)?,
            usual: row.try_get(5)?,
            has_rows: row.try_get(6)?,
        })
    }

    /// Refuses to work beside tables that may be the ones that the programs have used so far.
    pub(super) fn check(&self, is_recorded: bool) -> Result<(), Error> {
        let (schema, others) = (&self.schema, self.elsewhere.join(", "));
        let (other, state, remedy) = match (&self.usual, self.elsewhere.first()) {
            (_, Some(other)) if !self.has_tables => (
                other,
                "has none",
                format!("to make new ones beside them, first run `clip-db adopt` with DB_SCHEMA={other}"),
            ),
            (Some(other), _) if !is_recorded => {
                (other, "has such tables, too", format!("to use those in {schema}, run `clip-db adopt`"))
            }
            (Some(other), _) if self.has_rows != Some(true) => (
                other,
                "has tables without a row, so that programs may have stored their rows in the others",
                format!("to use the empty ones, first run `clip-db adopt` with DB_SCHEMA={other}"),
            ),
            _ => return Ok(()),
        };
        Err(Error::migration(format!(
            "tables that the Python programs made, without a history of migrations, are in: {others}; DB_SCHEMA is {schema}, \
             which {state}. Nothing was changed. Set DB_SCHEMA={other} to use the tables there; or, {remedy}, which changes no \
             row"
        )))
    }
}

/// Creates the schema that the session works in.
pub(super) async fn create_schema(client: &Client, place: &Place) -> Result<(), Error> {
    if place.exists {
        return Ok(());
    }
    let created = client.batch_execute(include_str!("create_schema.sql")).await;
    created.map_err(|error| create_schema_failed(&place.schema, error))
}
