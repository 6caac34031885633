//! `clip-db migrate`

use std::time::Duration;

use clip_saver_db::Db;
use clip_saver_db::migrate::{self, Applied, Progress};
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::exit::{Exit, Failure};
use crate::output::{Output, begin_error, print_error};

pub async fn run(db: &Db, end_idle: Option<Duration>, output: &mut Output) -> Result<Exit, Failure> {
    let _shown = show_warnings();
    let mut is_up_to_date = true;
    let report = |step: Progress| match step {
        Progress::Applied(file) => {
            is_up_to_date = false;
            output.line(applied(&file));
        }
        Progress::Waiting(waiting) => print_error(&waiting.to_string()),
        Progress::Ended(session) => output.line(format_args!("ended {session}")),
        Progress::NotEnded(session, reason) => print_error(&format!("cannot end {session}: {reason}")),
        _ => {}
    };
    match end_idle {
        Some(at_least) => migrate::apply_ending_idle(db, at_least, report).await?,
        None => migrate::apply(db, report).await?,
    }
    if is_up_to_date {
        output.line("up to date");
    }
    Ok(Exit::Fine)
}

/// Prints the library's warnings while it migrates, such as what it tolerates.
fn show_warnings() -> DefaultGuard {
    let lines = tracing_subscriber::fmt::layer().without_time().with_level(false).with_target(false).with_ansi(false);
    let only = Targets::new().with_target("clip_saver_db::migrate", Level::WARN);
    tracing_subscriber::registry().with(lines.with_writer(begin_error).with_filter(only)).set_default()
}

fn applied(file: &Applied) -> String {
    let Applied { version, name, elapsed, .. } = file;
    if file.is_adopted {
        format!("V{version}__{name}  adopted")
    } else {
        format!("V{version}__{name}  applied in {} ms", elapsed.as_millis())
    }
}

/// Prints the SQL that `run` would run.
pub async fn dry_run(db: &Db, output: &mut Output) -> Result<Exit, Failure> {
    let plan = migrate::plan(db).await?;
    plan.check()?;
    if plan.is_up_to_date() {
        output.line("-- up to date");
        return Ok(Exit::Fine);
    }
    output.line(HEADER);
    if !plan.schema_exists() {
        output.line(format_args!("\n-- First it would create the schema {}.", plan.schema()));
    }
    for (number, (name, sql)) in migrate::pending_sql(&plan).into_iter().enumerate() {
        if plan.is_unrecorded && number == 0 {
            output.line(format_args!("\n-- {name}: {ADOPTED}"));
        } else {
            output.line(format_args!("\n-- {name}\n{}", sql.trim_end()));
        }
    }
    Ok(Exit::SomethingToDo)
}

const HEADER: &str = "\
-- `clip-db migrate` would run and record these files, each in its own transaction except those marked `non-transactional`.
-- If you run them by hand, you must also write the history by hand.";

const ADOPTED: &str = "\
adopted. The database has tables, but no history of migrations. If the tables are
-- those of this file, it is recorded and not run. If not, nothing is changed.";
