//! A bot that keeps the database up to date with Discord: it reads gateway events, one JSON object a line.
//!
//! `DATABASE_URL=postgresql://… cargo run --example bot -- examples/data/gateway.jsonl`, or events on stdin. It stores guilds,
//! channels, live messages with their clips, and deletions, and asks workers to scan what no event brought: what was there
//! before it, and what came while it had no session. It skips events that it cannot read or does not need. Ctrl-C stops it
//! after the current event.

mod events;
#[path = "../guild_service/service.rs"]
mod guild_service;
mod input;
mod messages;
mod session;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use clip_saver_db::{Db, Error};
use input::Input;
use session::Session;
use support::{Failure, concerns_one_row, progress, retrying, say, with_database};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Level, warn};

const USAGE: &str = "usage: bot [FILE | -], and DELAY_MS in the environment for a pause after each event";

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::INFO);
    support::exit_code(run().await)
}

async fn run() -> Result<ExitCode, Failure> {
    let delay = support::delay()?;
    let input = Input::open(support::files(USAGE, 1)?.first())?;
    with_database(async |db, stop| read_events(db, stop, input, delay).await).await
}

/// How many events were stored, ignored or skipped.
#[derive(Default)]
struct Summary {
    stored: usize,
    ignored: usize,
    skipped: usize,
}

async fn read_events(db: &Db, stop: &CancellationToken, mut input: Input, delay: Duration) -> Result<(), Failure> {
    let (session, mut summary) = (Session::default(), Summary::default());
    let mut events = 0;
    while let Some(Some(line)) = stop.run_until_cancelled(input.next_line()).await {
        let name = read_event(db, &line?, &session, &mut summary).await?;
        events += 1;
        progress(events, input.total, name);
        stop.run_until_cancelled(sleep(delay)).await;
    }
    let Summary { stored, ignored, skipped } = summary;
    say(format_args!("summary events={events} stored={stored} ignored={ignored} skipped={skipped}"));
    Ok(())
}

/// Stores one event and returns its name. An error that concerns only this event does not stop the bot.
async fn read_event(db: &Db, line: &[u8], session: &Session, summary: &mut Summary) -> Result<&'static str, Error> {
    let event = match events::parse(line) {
        Ok(event) => event,
        Err(error) => {
            warn!(%error, "skipping a line");
            if events::may_be_needed(line) {
                session.forget_all();
            }
            summary.skipped += 1;
            return Ok("(unreadable)");
        }
    };
    let name = events::name(&event);
    match retrying(|| events::store(db, session, &event)).await {
        Ok(true) => summary.stored += 1,
        Ok(false) => summary.ignored += 1,
        Err(error) if concerns_one_row(&error) => {
            warn!(%error, "skipping {name}");
            summary.skipped += 1;
        }
        Err(error) => return Err(error),
    }
    Ok(name)
}
