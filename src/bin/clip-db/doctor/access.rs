//! Checks the migrations and the role's rights.

use clip_saver_db::Error;
use clip_saver_db::migrate::{self, Plan};

use super::{Findings, Level, Target};
use crate::exit::Exit;
use crate::status::summary;

/// The state of the migrations, and whether this role can apply them.
pub async fn migrations(target: &Target<'_>) -> Findings {
    let plan = migrate::plan(&target.db).await?;
    let (exit, text) = summary(&plan);
    let level = match exit {
        Exit::Fine => Level::Ok,
        Exit::SomethingToDo => Level::Note,
        _ => Level::Wrong,
    };
    let mut findings = vec![level.with(text)];
    if target.settings.has_migration_url() {
        return Ok(findings); // another role may migrate
    }
    let obstacles = obstacles(target, &plan).await?.join(", ");
    if !obstacles.is_empty() {
        let level = if exit == Exit::SomethingToDo { Level::Wrong } else { Level::Note };
        findings.push(level.with(format!("{obstacles}: let the owner of the database run `clip-db migrate`")));
    }
    Ok(findings)
}

/// Why this role cannot migrate.
async fn obstacles(target: &Target<'_>, plan: &Plan) -> Result<Vec<String>, Error> {
    let row = target.rows_about_schema(include_str!("role.sql")).await?.swap_remove(0);
    let (role, may_create): (&str, Option<bool>) = (row.try_get(0)?, row.try_get(1)?);
    let (owns_tables, may_create_schemas): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
    let mut obstacles = Vec::new();
    if may_create == Some(false) {
        obstacles.push(format!("the role {role} may not create tables in the schema {}", plan.schema()));
    } else if may_create.is_none() && !may_create_schemas {
        obstacles.push(format!("the role {role} may not create the schema {}", plan.schema()));
    }
    if !owns_tables {
        obstacles.push(format!("some tables do not belong to the role {role}"));
    }
    if plan.is_unrecorded && !may_create_schemas {
        obstacles.push(format!("the role {role} may not create a schema to compare the tables with V1"));
    }
    Ok(obstacles)
}

/// Whether this role can run the queries of the bot, the worker or both: each may have its own role.
pub async fn rights(target: &Target<'_>) -> Findings {
    let mut missing = Vec::new();
    for row in target.rows_about_schema(include_str!("rights.sql")).await? {
        let (program, rights, relations): (String, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        missing.push((program, format!("no right to {rights} on {relations}")));
    }
    let able: Vec<_> = PROGRAMS.into_iter().filter(|name| missing.iter().all(|(program, _)| program != name)).collect();
    if !able.is_empty() {
        return Ok(vec![Level::Ok.with(format!("enough for {}", able.join(" and ")))]);
    }
    let advice = "let the owner grant what docs/PRIVILEGES.md says";
    Ok(missing.iter().map(|(program, right)| Level::Wrong.with(format!("for {program}: {right}: {advice}"))).collect())
}

/// As rights.sql names them.
const PROGRAMS: [&str; 2] = ["the bot", "the worker"];
