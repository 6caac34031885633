//! `clip-db status`

use clip_saver_db::Db;
use clip_saver_db::migrate::{self, File, Plan};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::end::{End, Failure};
use crate::output::Output;

pub async fn run(db: &Db, as_json: bool, output: &mut Output) -> Result<End, Failure> {
    let plan = migrate::plan(db).await?;
    let (end, summary) = summary(&plan);
    if as_json {
        output.line(object(&plan, end));
    } else {
        output.line(table(&plan));
        output.line(summary);
    }
    Ok(end)
}

/// How the database stands, in a line, and the exit code for that.
pub fn summary(plan: &Plan) -> (End, String) {
    let pending = plan.pending().count();
    if let Err(error) = plan.check() {
        (End::Wrong, format!("wrong: {error}"))
    } else if plan.is_unrecorded {
        let summary = "tables, but no history of migrations: made by the Python programs. `clip-db migrate` adopts it";
        (End::SomethingToDo, summary.to_owned())
    } else if pending > 0 {
        (End::SomethingToDo, format!("{pending} pending: run `clip-db migrate`"))
    } else {
        (End::Fine, up_to_date(plan))
    }
}

fn up_to_date(plan: &Plan) -> String {
    let newer: Vec<String> = plan.newer().map(File::to_string).collect();
    if newer.is_empty() {
        "up to date".to_owned()
    } else {
        format!("up to date; the database is newer than this program, which works on ({})", newer.join(", "))
    }
}

fn table(plan: &Plan) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["version", "name", "state", "applied on"]);
    for file in &plan.files {
        let cells = [file.version.to_string(), file.name.clone(), file.state.to_string(), applied_on(file)];
        table.add_row(cells);
    }
    if let Some(version) = table.column_mut(0) {
        version.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// To the second, if it is written as refinery does (RFC 3339).
fn applied_on(file: &File) -> String {
    let written = file.applied_on.as_deref().unwrap_or_default();
    match written.split_once('T') {
        Some((date, time)) if time.ends_with('Z') => {
            format!("{date} {} UTC", time.split(['.', 'Z']).next().unwrap_or_default())
        }
        _ => written.to_owned(),
    }
}

fn object(plan: &Plan, end: End) -> Value {
    let file = |file: &File| {
        json!({
            "version": file.version,
            "name": file.name,
            "state": file.state.to_string(),
            "applied_on": file.applied_on,
        })
    };
    let files: Vec<Value> = plan.files.iter().map(file).collect();
    json!({ "files": files, "unrecorded": plan.is_unrecorded, "up_to_date": end == End::Fine })
}
