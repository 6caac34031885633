//! The schema of the tables, and the schemas that must not be mistaken for it.
//!
//! A database may hold several sets of tables, each in a schema of its own with its own history. Tables without a history were
//! made by the Python programs, which followed the role's `search_path`. While another schema has such tables, nothing is
//! made in an empty `DB_SCHEMA` beside them, unless somebody has set the role's search path to `DB_SCHEMA`: then no program looks
//! for the others. While the path leads to them, tables in `DB_SCHEMA` are used only if they have a history and rows: otherwise
//! the programs so far may have worked on the others. Without `DB_SCHEMA` nothing is made in an empty `public` while the path
//! leads to tables elsewhere, with a history or without.

use refinery::Migration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::errors::create_schema_failed;
use super::origin::Origin;
use crate::config::schema::identifier;
use crate::error::Error;

/// The schema that is used if nobody chooses one.
const DEFAULT_SCHEMA: &str = "public";

/// What a database holds in the schema of the tables, and elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub(super) struct Place {
    pub(super) schema: String,
    pub(super) exists: bool,
    /// This program's names that are taken in the schema.
    names: Vec<String>,
    has_python_tables: bool,
    has_tortoise_tables: bool,
    pub(super) has_history: bool,
    /// Other schemas with tables of the Python programs and without this program's history.
    elsewhere: Vec<String>,
    /// Another schema with such tables, to which the role's own search path leads.
    usual: Option<String>,
    /// Somebody has set the role's search path to the schema.
    is_chosen: bool,
    /// The statement that does so.
    choice: String,
    /// Whether the tables hold rows; `None` if nothing is `usual`.
    has_rows: Option<bool>,
}

impl Place {
    /// `first` is the first file: the history that holds it is this program's.
    pub(super) async fn read(client: &Client, schema: &str, first: &Migration) -> Result<Self, Error> {
        let row = client.query_typed_one(include_str!("tables.sql"), &[(&schema, Type::TEXT)]).await?;
        if let Some(grant) = row.try_get::<_, Option<&str>>(1)? {
            return Err(Error::migration(format!(
                "this role may not use the schema {schema:?} (DB_SCHEMA): let its owner run `{grant}`, and grant the rights in \
                 docs/PRIVILEGES.md"
            )));
        }
        let mut place = Self::from_row(schema, &row)?;
        if !place.has_tables() {
            for other in row.try_get::<_, Vec<String>>(7)? {
                if !is_recorded(client, &other, first).await? {
                    place.elsewhere.push(other);
                }
            }
        }
        Ok(place)
    }

    fn from_row(schema: &str, row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            schema: schema.to_owned(),
            exists: row.try_get(0)?,
            names: row.try_get(2)?,
            has_python_tables: row.try_get(3)?,
            has_tortoise_tables: row.try_get(4)?,
            has_history: row.try_get(5)?,
            elsewhere: row.try_get(6)?,
            usual: row.try_get(8)?,
            is_chosen: row.try_get(9)?,
            choice: row.try_get(10)?,
            has_rows: row.try_get(11)?,
        })
    }

    pub(super) fn has_tables(&self) -> bool {
        !self.names.is_empty()
    }

    /// Who made the tables, if they have no history.
    pub(super) fn origin(&self) -> Option<Origin> {
        match (self.has_python_tables, self.has_tortoise_tables) {
            _ if !self.has_tables() => None,
            (true, true) => Some(Origin::Tortoise),
            (true, false) => Some(Origin::Psycopg),
            (false, _) => Some(Origin::Other(self.names.clone())),
        }
    }

    /// Refuses to work beside tables that may be the ones that the programs have used so far.
    pub(super) fn check(&self, is_recorded: bool) -> Result<(), Error> {
        let Self { schema, elsewhere, choice, .. } = self;
        let usual = self.usual.as_ref().filter(|usual| elsewhere.contains(usual));
        let (other, state) = match usual.or(elsewhere.first()) {
            _ if self.is_chosen => return Ok(()),
            Some(other) if !self.has_tables() => (other, "has none"),
            Some(other) if usual.is_some() && !is_recorded => (other, "has such tables, too"),
            Some(other) if usual.is_some() && self.has_rows != Some(true) => {
                (other, "has tables without a row, so that programs may have stored their rows in the others")
            }
            _ => return self.check_default(),
        };
        Err(Error::migration(format!(
            "tables that the Python programs made, without a history of migrations, are in: {}; DB_SCHEMA is {schema}, which \
             {state}. Nothing was changed. Set DB_SCHEMA={other} to use the tables there; or, to use {schema}, run `{choice}`, \
             after which programs no longer look for the others",
            elsewhere.join(", ")
        )))
    }

    /// Refuses to make tables in the default schema while the role's own search path leads to others: somebody may have
    /// forgotten `DB_SCHEMA`.
    fn check_default(&self) -> Result<(), Error> {
        let Self { schema, choice, .. } = self;
        match &self.usual {
            Some(other) if schema == DEFAULT_SCHEMA && !self.has_tables() => Err(Error::migration(format!(
                "this role's search_path leads to tables of this program in {other}; DB_SCHEMA is {schema}, which has none. \
                 Nothing was changed. Set DB_SCHEMA={other}; or, to make new tables in {schema}, run `{choice}`"
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether the history in another schema is this program's.
async fn is_recorded(client: &Client, schema: &str, first: &Migration) -> Result<bool, Error> {
    let sql = include_str!("recorded_elsewhere.sql").replace("{schema}", &identifier(schema));
    let (name, checksum) = (first.name(), first.checksum().to_string());
    let row = client.query_typed_one(&sql, &[(&name, Type::TEXT), (&checksum, Type::TEXT)]).await?;
    Ok(row.try_get(0)?)
}

/// Creates the schema that the session works in.
pub(super) async fn create_schema(client: &Client, place: &Place) -> Result<(), Error> {
    if place.exists {
        return Ok(());
    }
    let created = client.batch_execute(include_str!("create_schema.sql")).await;
    created.map_err(|error| create_schema_failed(&place.schema, error))
}
