//! A worker that looks for clips: it reads the history of every channel with reading turned on, page by page.
//!
//! `DATABASE_URL=postgresql://… cargo run --example worker`: sample messages stand in for Discord. It visits all guilds
//! in rounds until its stdin is closed, makes one more round, and ends; at a terminal it makes one round. Ctrl-C stops it
//! after the current page; the next worker continues there. Run one at a time: two would count the same messages twice.

mod history;
mod scan;
#[path = "../support/mod.rs"]
mod support;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clip_saver_db::{Error, GuildId, ScanIncrement, repositories as db};
use history::History;
use scan::Worker;
use support::{Failure, concerns_one_row, retrying, say, with_database};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Level, warn};

const USAGE: &str = "usage: worker [MESSAGES [ERRORS]], and DELAY_MS in the environment for a pause after each page";
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::INFO);
    support::exit_code(run().await)
}

async fn run() -> Result<ExitCode, Failure> {
    let (files, delay) = (support::files(USAGE, 2)?, support::delay()?);
    let file = |place: usize, name| files.get(place).cloned().unwrap_or_else(|| Path::new(DATA).join(name));
    let history = History::load(&file(0, "messages.jsonl"), &file(1, "channel_errors.json"))?;
    with_database(async |db, stop| {
        let mut worker = Worker::new(db, stop, history, delay);
        let result = work(&mut worker).await;
        let ScanIncrement { scanned, matched, .. } = worker.total;
        say(format_args!("summary scanned={scanned} matched={matched}"));
        Ok(result?)
    })
    .await
}

async fn work(worker: &mut Worker<'_>) -> Result<(), Error> {
    let input_closed = watch_stdin();
    loop {
        let is_last = input_closed.is_cancelled(); // asked before the round, which then sees everything stored so far
        round(worker).await?;
        if is_last || worker.stop.is_cancelled() {
            return Ok(());
        }
        tokio::select! {
            () = input_closed.cancelled() => {}
            () = worker.stop.cancelled() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

/// Visits every channel with reading turned on. A lasting error ends the worker; the cursors say where to continue.
async fn round(worker: &mut Worker<'_>) -> Result<(), Error> {
    let database = worker.db;
    for guild in retrying(async || db::get_guilds(database).await).await? {
        match visit_channels(worker, guild.guild_id).await {
            Err(error) if concerns_one_row(&error) => warn!(%error, guild = %guild.guild_id, "leaving the guild"),
            result => result?,
        }
    }
    Ok(())
}

async fn visit_channels(worker: &mut Worker<'_>, guild: GuildId) -> Result<(), Error> {
    let database = worker.db;
    for channel in retrying(async || db::get_reading_channels(database, guild).await).await? {
        if worker.stop.is_cancelled() {
            return Ok(());
        }
        worker.visit(&channel).await?;
    }
    Ok(())
}

/// A token that is canceled when stdin ends; a terminal counts as ended.
fn watch_stdin() -> CancellationToken {
    let closed = CancellationToken::new();
    if io::stdin().is_terminal() {
        closed.cancel();
    } else {
        let token = closed.clone();
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink()); // an error also counts as the end
            token.cancel();
        });
    }
    closed
}
