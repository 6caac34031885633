//! What the role may do, and what there is to do for it.

use clip_saver_db::Error;
use clip_saver_db::migrate::{self, Plan};

use super::{Findings, Level, Patient};
use crate::end::End;
use crate::status::summary;

/// How the migrations stand, and whether this role can apply some.
pub async fn migrations(patient: &Patient<'_>) -> Findings {
    let plan = migrate::plan(&patient.db).await?;
    let (end, text) = summary(&plan);
    let level = match end {
        End::Fine => Level::Ok,
        End::SomethingToDo => Level::Note,
        _ => Level::Wrong,
    };
    let mut findings = vec![level.with(text)];
    if patient.settings.migrates_elsewhere() {
        return Ok(findings); // by another role, perhaps
    }
    let obstacles = obstacles(patient, &plan).await?.join(", ");
    if !obstacles.is_empty() {
        let level = if end == End::SomethingToDo { Level::Wrong } else { Level::Note };
        findings.push(level.with(format!("{obstacles}: let the owner of the database run `clip-db migrate`")));
    }
    Ok(findings)
}

/// What keeps this role from migrating.
async fn obstacles(patient: &Patient<'_>, plan: &Plan) -> Result<Vec<String>, Error> {
    let row = patient.row(include_str!("role.sql")).await?;
    let (role, schema): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let (may_create, owns_tables, may_compare): (bool, bool, bool) =
        (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let mut obstacles = Vec::new();
    if !may_create {
        obstacles.push(format!("the role {role} may make no tables in the schema public"));
    } else if schema != "public" {
        obstacles.push(format!("tables would be made in the schema {schema}, not in public (see search_path)"));
    }
    if !owns_tables {
        obstacles.push(format!("tables are there that do not belong to the role {role}"));
    }
    if plan.is_unrecorded && !may_compare {
        obstacles.push(format!("the role {role} may make no schema, to compare the tables with V1"));
    }
    Ok(obstacles)
}

/// Whether this role can run the queries of the bot, of the worker or of both: each may have a role of its own.
pub async fn rights(patient: &Patient<'_>) -> Findings {
    let mut lacking = Vec::new();
    for row in patient.rows(include_str!("rights.sql")).await? {
        let (program, rights, relations): (String, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        lacking.push((program, format!("no right to {rights} on {relations}")));
    }
    let able: Vec<_> = PROGRAMS.into_iter().filter(|name| lacking.iter().all(|(program, _)| program != name)).collect();
    if !able.is_empty() {
        return Ok(vec![Level::Ok.with(format!("enough for {}", able.join(" and ")))]);
    }
    let advice = "let the owner grant what docs/PRIVILEGES.md says";
    Ok(lacking.iter().map(|(program, lack)| Level::Wrong.with(format!("for {program}: {lack}: {advice}"))).collect())
}

/// As rights.sql names them.
const PROGRAMS: [&str; 2] = ["the bot", "the worker"];
