//! `clip-db check`

use clip_saver_db::migrate::{self, Difference, Plan, State};
use clip_saver_db::{Db, ErrorKind};

use crate::connect::Settings;
use crate::doctor;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::queries::{Prepared, prepare_all};
use crate::status::summary;

pub async fn run(db: &Db, settings: &Settings, is_verbose: bool, output: &mut Output) -> Result<Exit, Failure> {
    let plan = migrate::plan(db).await?;
    let (history, summary) = summary(&plan);
    output.line(format_args!("migrations: {summary}"));
    let queries = check_queries(db, &plan, is_verbose, output).await?;
    let drift = check_drift(db, &plan, output).await?;
    let database = check_database(db, settings, output).await?;
    Ok(history.max(queries).max(drift).max(database))
}

/// What `clip-db doctor` says about the database itself.
async fn check_database(db: &Db, settings: &Settings, output: &mut Output) -> Result<Exit, Failure> {
    let mut findings = doctor::of_the_database(settings, db).await?;
    findings.retain(|finding| !finding.is_ok());
    if findings.is_empty() {
        output.line("database: encoding, tables, row-level security and sequence are fine");
        return Ok(Exit::Fine);
    }
    output.line("database:");
    let mut exit = Exit::Fine;
    for finding in findings {
        output.line(format_args!("  {finding}"));
        exit = exit.max(if finding.is_wrong() { Exit::Wrong } else { Exit::Fine });
    }
    Ok(exit)
}

async fn check_queries(db: &Db, plan: &Plan, is_verbose: bool, output: &mut Output) -> Result<Exit, Failure> {
    if plan.files.iter().all(|file| file.state == State::Pending) && !plan.is_unrecorded {
        output.line("queries: not checked, there are no tables yet");
        return Ok(Exit::SomethingToDo);
    }
    let all = prepare_all(db).await?;
    let count = all.len();
    let mut failed = 0;
    for Prepared { name, result } in all {
        match result {
            Ok(()) if is_verbose => output.line(format_args!("  {name}: ok")),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Database => {
                failed += 1;
                output.line(format_args!("  {name}: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if failed == 0 {
        output.line(format_args!("queries: all {count} fit the schema"));
        return Ok(Exit::Fine);
    }
    // The comparison of schemas finds what the pending migrations do not explain.
    let has_pending = plan.pending().next().is_some();
    let reason = if has_pending { "; the pending migrations may fix that" } else { "" };
    output.line(format_args!("queries: {failed} of {count} do not fit the schema{reason}"));
    Ok(if has_pending { Exit::SomethingToDo } else { Exit::Wrong })
}

async fn check_drift(db: &Db, plan: &Plan, output: &mut Output) -> Result<Exit, Failure> {
    let drift = match migrate::drift(db).await {
        // The role may not create a schema, or the server is a standby.
        Err(error) if matches!(error.sqlstate(), Some("42501" | "25006")) => {
            let advice = match error.sqlstate() {
                Some("42501") => "it needs the right to create a schema (`grant create on database … to …`)",
                _ => "compare on the primary",
            };
            output.line(format_args!("schema: not compared: {error}; {advice}"));
            return Ok(Exit::SomethingToDo);
        }
        drift => drift?,
    };
    let is_newer = plan.newer().next().is_some();
    output.line(format!("{}\n{drift}", drift_summary(&drift, plan)).trim_end());
    Ok(if drift.wrong.is_empty() || is_newer { Exit::Fine } else { Exit::Wrong })
}

fn drift_summary(drift: &Difference, plan: &Plan) -> String {
    let expected = if plan.is_unrecorded { "what V1 makes" } else { "what the applied migrations make" };
    match (drift.wrong.len(), drift.tolerated.len()) {
        (0, 0) => format!("schema: exactly {expected}"),
        (0, _) => format!("schema: {expected}, and more:"),
        _ if plan.newer().next().is_some() => "schema: newer than this program; the differences are:".to_owned(),
        (wrong, _) => format!("schema: not {expected}, {wrong} to fix:"),
    }
}
