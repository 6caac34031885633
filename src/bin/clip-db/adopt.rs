//! `clip-db adopt`

use clip_saver_db::{Db, migrate};

use crate::exit::{Exit, Failure};
use crate::output::Output;

pub async fn run(db: &Db, output: &mut Output) -> Result<Exit, Failure> {
    let Some(difference) = migrate::adopt(db).await? else {
        output.line(nothing_to_adopt(db).await?);
        return Ok(Exit::Fine);
    };
    for line in difference.tolerated {
        output.line(format_args!("tolerated: {line}"));
    }
    output.line("adopted: V1 is recorded, no row was changed. `clip-db migrate` applies the rest");
    Ok(Exit::Fine)
}

/// Why there was nothing to adopt.
async fn nothing_to_adopt(db: &Db) -> Result<&'static str, Failure> {
    let is_empty = migrate::plan(db).await?.files.iter().all(|file| file.applied_on.is_none());
    Ok(if is_empty {
        "nothing to adopt: the database is empty. `clip-db migrate` creates the tables"
    } else {
        "nothing to adopt: the database has a history of migrations, see `clip-db status`"
    })
}
