//! `clip-db adopt`

use clip_saver_db::{Db, migrate};

use crate::end::{End, Failure};
use crate::output::Output;

pub async fn run(db: &Db, output: &mut Output) -> Result<End, Failure> {
    let Some(difference) = migrate::adopt(db).await? else {
        output.line(nothing(db).await?);
        return Ok(End::Fine);
    };
    for thing in difference.tolerated {
        output.line(format_args!("tolerated: {thing}"));
    }
    output.line("adopted: V1 is recorded, every row is as it was. `clip-db migrate` applies the rest");
    Ok(End::Fine)
}

/// Why there was nothing to adopt.
async fn nothing(db: &Db) -> Result<&'static str, Failure> {
    let is_empty = migrate::plan(db).await?.files.iter().all(|file| file.applied_on.is_none());
    Ok(if is_empty {
        "nothing to adopt: the database is empty. `clip-db migrate` makes the tables"
    } else {
        "nothing to adopt: the database has a history of migrations, see `clip-db status`"
    })
}
