//! What this role lacks to migrate, and who can give it. It asks the server about rights: the texts of its errors may be in any
//! language.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::plan::{Plan, State, plan_on};
use crate::error::Error;
use crate::pool::db::Db;

/// Why this role cannot apply the pending migrations of a plan, each with what to do. Empty if nothing is in the way.
///
/// # Errors
/// [`ErrorKind::Connection`](crate::ErrorKind::Connection) and similar kinds.
pub async fn obstacles(db: &Db, plan: &Plan) -> Result<Vec<String>, Error> {
    let connection = db.connection().await?;
    let session = connection.session();
    let rights = session.track(Rights::of(session.client(), plan.schema())).await?;
    Ok(rights.lacking(Some(plan)))
}

/// The same for the plan of this moment, on the migrating connection. A history that cannot be read counts as complete.
async fn obstacles_on(client: &Client, schema: &str) -> Result<Vec<String>, Error> {
    let plan = plan_on(client, schema).await.ok();
    Ok(Rights::of(client, schema).await?.lacking(plan.as_ref()))
}

/// Adds what this role lacks, if the error says that a right or the extension is missing.
pub(super) async fn with_advice(client: &Client, schema: &str, error: Error) -> Error {
    let is_of = |code: &SqlState| error.sqlstate() == Some(code.code());
    let codes = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FILE];
    if !codes.iter().any(is_of) {
        return error;
    }
    let found = obstacles_on(client, schema).await.unwrap_or_default();
    let advice =
        if found.is_empty() { "docs/PRIVILEGES.md lists the rights that are needed".into() } else { found.join("; ") };
    error.into_migration().and(&format!("; {advice}"))
}

/// What the role may do.
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own")]
struct Rights {
    /// The schema of the tables.
    schema: String,
    role: String,
    database: String,
    database_owner: String,
    may_create_schema: bool,
    schema_owner: String,
    may_create_tables: bool,
    /// The tables of other roles, each with its owner.
    others_tables: Vec<String>,
    may_write_history: bool,
    has_extension: bool,
    is_extension_available: bool,
    may_create_extension: bool,
    schema_exists: bool,
}

impl Rights {
    async fn of(client: &Client, schema: &str) -> Result<Self, Error> {
        let row = client.query_typed_one(include_str!("obstacles.sql"), &[(&schema, Type::TEXT)]).await?;
        Ok(Self::read(&row)?)
    }

    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            schema: row.try_get(12)?,
            role: row.try_get(0)?,
            database: row.try_get(1)?,
            database_owner: row.try_get(2)?,
            may_create_schema: row.try_get(3)?,
            schema_owner: row.try_get(4)?,
            may_create_tables: row.try_get(5)?,
            others_tables: row.try_get(6)?,
            may_write_history: row.try_get(7)?,
            has_extension: row.try_get(8)?,
            is_extension_available: row.try_get(9)?,
            may_create_extension: row.try_get(10)?,
            schema_exists: row.try_get(11)?,
        })
    }

    fn lacking(&self, plan: Option<&Plan>) -> Vec<String> {
        let first = plan.and_then(|plan| plan.files.first());
        let needs_extension = first.is_some_and(|file| file.state == State::Pending);
        if let Some(owners) = self.owners() {
            return vec![owners]; // nothing else helps this role
        }
        let all = [
            self.tables(),
            self.history(),
            if plan.is_some_and(|plan| plan.is_unrecorded) { self.comparison() } else { None },
            if needs_extension { self.extension() } else { None },
        ];
        all.into_iter().flatten().collect()
    }

    fn tables(&self) -> Option<String> {
        let Self { role, schema, schema_owner, database_owner, .. } = self;
        if !self.schema_exists {
            return (!self.may_create_schema).then(|| {
                format!(
                    "the role {role} may not create the schema {schema}: let {database_owner}, who owns the database, run \
                     `create schema {schema} authorization {role}`"
                )
            });
        }
        (!self.may_create_tables).then(|| {
            format!(
                "the role {role} may not create tables in the schema {schema}: run `clip-db migrate` as {schema_owner}, or let \
                 {schema_owner} run `grant usage, create on schema {schema} to {role}`"
            )
        })
    }

    fn owners(&self) -> Option<String> {
        let Self { role, others_tables, .. } = self;
        (!others_tables.is_empty()).then(|| {
            format!(
                "the role {role} does not own all tables ({}): run `clip-db migrate` as their owner, or let an administrator \
                 make {role} a member of the owner's role",
                others_tables.join(", ")
            )
        })
    }

    fn history(&self) -> Option<String> {
        let Self { role, schema, .. } = self;
        (!self.may_write_history).then(|| {
            format!(
                "the role {role} may not write the history: let its owner run `grant select, insert on \
                 {schema}.refinery_schema_history to {role}`"
            )
        })
    }

    fn comparison(&self) -> Option<String> {
        let Self { role, database, database_owner, .. } = self;
        (!self.may_create_schema).then(|| {
            format!(
                "the role {role} may not create the schema in which the tables are compared with V1: let {database_owner}, who \
                 owns the database, run `grant create on database {database} to {role}`; you may revoke it after this migration"
            )
        })
    }

    fn extension(&self) -> Option<String> {
        let Self { role, database, .. } = self;
        if self.has_extension || self.is_extension_available && self.may_create_extension {
            None
        } else if self.is_extension_available {
            Some(format!(
                "the role {role} may not create the extension pgcrypto: let an administrator run `create extension pgcrypto with \
                 schema public` once in the database {database}"
            ))
        } else {
            Some(
                "the server does not have the extension pgcrypto: install PostgreSQL's contrib package on it"
                    .to_owned(),
            )
        }
    }
}
