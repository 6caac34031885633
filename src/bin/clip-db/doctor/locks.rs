//! Foresees what would hold migrations back: open transactions of other sessions.

use clip_saver_db::migrate::{self, BlockingSession};

use super::{Findings, Level, Target};

pub async fn locks(target: &Target<'_>) -> Findings {
    let sessions = migrate::open_transactions(&target.db).await?;
    if sessions.is_empty() {
        return Ok(vec![Level::Ok.with("no open transaction would hold migrations back")]);
    }
    let is_pending = !migrate::plan(&target.db).await?.is_up_to_date();
    Ok(sessions.iter().map(|session| finding(session, is_pending)).collect())
}

fn finding(session: &BlockingSession, is_pending: bool) -> (Level, String) {
    let is_prepared = session.pid == 0;
    if session.state.is_none() && !is_prepared {
        return Level::Note.with(format!("{session} may hold migrations back"));
    }
    let level = if is_pending { Level::Wrong } else { Level::Note };
    let remedy = if is_prepared {
        "let its program end it, or run `commit prepared` or `rollback prepared` with its gid"
    } else if session.is_idle_in_transaction() {
        "let its program commit, restart it before you migrate, or use `clip-db migrate --end-idle-in-transaction 30s`"
    } else {
        "migrate when it has ended"
    };
    let tense = if is_pending { "holds" } else { "would hold" };
    level.with(format!("{session} {tense} migrations back: {remedy}"))
}
