//! Checks the migrations and the role's rights.

use clip_saver_db::migrate;

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
    let level = if exit == Exit::SomethingToDo { Level::Wrong } else { Level::Note };
    let obstacles = migrate::obstacles(&target.db, &plan).await?;
    findings.extend(obstacles.into_iter().map(|obstacle| level.with(obstacle)));
    Ok(findings)
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
