//! `clip-db status`

use clip_saver_db::Db;
use clip_saver_db::migrate::{self, File, Origin, Plan};
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::{self, Output};

pub async fn run(db: &Db, as_json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let plan = migrate::plan(db).await?;
    let (exit, summary) = summary(&plan);
    if as_json {
        output.line(object(&plan, exit));
    } else {
        output.line(table(&plan));
        output.line(summary);
    }
    Ok(exit)
}

/// The state of the database in one line, and the exit code for it.
pub fn summary(plan: &Plan) -> (Exit, String) {
    let pending = plan.pending().count();
    if let Err(error) = plan.check() {
        (Exit::Wrong, format!("wrong: {error}"))
    } else if plan.origin == Some(Origin::Tortoise) {
        (Exit::SomethingToDo, TORTOISE.to_owned())
    } else if plan.is_unrecorded {
        (Exit::SomethingToDo, PSYCOPG.to_owned())
    } else if !plan.schema_exists() {
        let schema = plan.schema();
        (
            Exit::SomethingToDo,
            format!("the schema {schema} does not exist: `clip-db migrate` creates it and all tables"),
        )
    } else if pending > 0 {
        (Exit::SomethingToDo, format!("{pending} pending: run `clip-db migrate`"))
    } else {
        (Exit::Fine, up_to_date(plan))
    }
}

const PSYCOPG: &str = "tables, but no history of migrations: made by the Python programs. `clip-db migrate` adopts it";

const TORTOISE: &str = "tables, but no history of migrations: made by the Python programs with Tortoise. \
    docs/MIGRATION_GUIDE.md has the SQL that makes them those of V1; then `clip-db migrate` adopts it";

fn up_to_date(plan: &Plan) -> String {
    let newer: Vec<String> = plan.newer().map(File::to_string).collect();
    if newer.is_empty() {
        "up to date".to_owned()
    } else {
        format!("up to date; the database is newer than this program, which keeps working ({})", newer.join(", "))
    }
}

fn table(plan: &Plan) -> Table {
    let mut table = output::table(&["version", "name", "state", "applied on"]);
    for file in &plan.files {
        let cells = [file.version.to_string(), file.name.clone(), file.state.to_string(), applied_on(file)];
        table.add_row(cells);
    }
    if let Some(version) = table.column_mut(0) {
        version.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The time to the second, if it has refinery's format (RFC 3339).
fn applied_on(file: &File) -> String {
    let written = file.applied_on.as_deref().unwrap_or_default();
    match written.split_once('T') {
        Some((date, time)) if time.ends_with('Z') => {
            format!("{date} {} UTC", time.split(['.', 'Z']).next().unwrap_or_default())
        }
        _ => written.to_owned(),
    }
}

fn object(plan: &Plan, exit: Exit) -> Value {
    let file = |file: &File| {
        json!({
            "version": file.version,
            "name": file.name,
            "state": file.state.to_string(),
            "applied_on": file.applied_on,
        })
    };
    let files: Vec<Value> = plan.files.iter().map(file).collect();
    let others = match &plan.origin {
        Some(Origin::Other(names)) => names.as_slice(),
        _ => &[],
    };
    json!({
        "files": files,
        "unrecorded": plan.is_unrecorded,
        "taken_names": others,
        "up_to_date": exit == Exit::Fine,
    })
}
