//! `clip-db migrate`

use clip_saver_db::Db;
use clip_saver_db::migrate::{self, Applied};

use crate::end::{End, Failure};
use crate::log;
use crate::output::Output;

pub async fn run(db: &Db, output: &mut Output) -> Result<End, Failure> {
    let _shown = log::show_warnings();
    let mut is_up_to_date = true;
    let report = |file: &Applied| {
        is_up_to_date = false;
        output.line(progress(file));
    };
    migrate::apply(db, report).await?;
    if is_up_to_date {
        output.line("up to date");
    }
    Ok(End::Fine)
}

fn progress(file: &Applied) -> String {
    let Applied { version, name, elapsed, .. } = file;
    if file.is_adopted {
        format!("V{version}__{name}  adopted")
    } else {
        format!("V{version}__{name}  applied in {} ms", elapsed.as_millis())
    }
}

/// Prints what `run` would do, as SQL.
pub async fn dry_run(db: &Db, output: &mut Output) -> Result<End, Failure> {
    let plan = migrate::plan(db).await?;
    plan.check()?;
    if plan.is_up_to_date() {
        output.line("-- up to date");
        return Ok(End::Fine);
    }
    output.line(HEADER);
    for (number, (name, sql)) in migrate::pending_sql(&plan).into_iter().enumerate() {
        if plan.is_unrecorded && number == 0 {
            output.line(format_args!("\n-- {name}: {ADOPTED}"));
        } else {
            output.line(format_args!("\n-- {name}\n{}", sql.trim_end()));
        }
    }
    Ok(End::SomethingToDo)
}

const HEADER: &str = "\
-- What `clip-db migrate` runs, each file in a transaction of its own but for those that say `non-transactional`, and then
-- records. Whoever runs it by hand has to keep the history by hand, too.";

const ADOPTED: &str = "\
adopted. The database has tables, but no history of migrations; if they are those
-- that this file makes, it is recorded and not run; if not, nothing is changed.";
