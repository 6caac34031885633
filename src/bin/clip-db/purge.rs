//! `clip-db purge-intents`

use std::time::Duration;

use clip_saver_db::{Db, repositories};

use crate::exit::{Exit, Failure};
use crate::output::Output;

pub async fn run(db: &Db, grace: u64, output: &mut Output) -> Result<Exit, Failure> {
    let deleted = repositories::purge_expired_install_intents(db, Duration::from_secs(grace)).await?;
    let intents = if deleted == 1 { "install intent" } else { "install intents" };
    output.line(format_args!("{deleted} expired {intents} deleted"));
    Ok(Exit::Fine)
}
