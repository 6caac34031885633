//! What the example programs share: how they start, stop and end, their progress lines, and trying again.
#![allow(dead_code, reason = "each program uses a part of this")]

use std::env;
use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clip_saver_db::{Db, Error, ErrorKind, close_db, init_db};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Level, warn};

/// Whatever ends a program.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// What shells report for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How often a call is made before its error counts.
const ATTEMPTS: u32 = 5;

/// The files that the command line names, `most` of them.
pub fn files(usage: &str, most: usize) -> Result<Vec<PathBuf>, Failure> {
    let files: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let is_option = |file: &PathBuf| file.as_os_str() != "-" && file.to_string_lossy().starts_with('-');
    if files.len() > most || files.iter().any(is_option) { Err(usage.into()) } else { Ok(files) }
}

/// `DELAY_MS`: a pause after every step, so that one can watch.
pub fn delay() -> Result<Duration, Failure> {
    let Ok(text) = env::var("DELAY_MS") else { return Ok(Duration::ZERO) };
    text.parse().map(Duration::from_millis).map_err(|error| format!("DELAY_MS: {error}").into())
}

/// Logs to stderr: stdout is for progress.
pub fn start_log(level: Level) {
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
}

/// Opens the database, works on it, and closes it however the work ends. Ctrl-C asks the work to stop.
pub async fn with_database<F>(work: F) -> Result<ExitCode, Failure>
where
    F: AsyncFnOnce(&Db, &CancellationToken) -> Result<(), Failure>,
{
    let stop = stop_on_ctrl_c();
    let Some(db) = stop.run_until_cancelled(init_db()).await else { return Ok(INTERRUPTED.into()) };
    let db = db?;
    let result = work(&db, &stop).await;
    close_db(&db).await;
    result?;
    Ok(if stop.is_cancelled() { INTERRUPTED.into() } else { ExitCode::SUCCESS })
}

fn stop_on_ctrl_c() -> CancellationToken {
    let stop = CancellationToken::new();
    let pressed = stop.clone();
    tokio::spawn(async move {
        match tokio::signal::ctrl_c().await {
            Ok(()) => pressed.cancel(),
            Err(error) => warn!(%error, "Ctrl-C will end the program at once"),
        }
    });
    stop
}

/// Says on stderr why a program failed.
pub fn exit_code(result: Result<ExitCode, Failure>) -> ExitCode {
    result.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

/// A line on stdout. That nobody reads it any more (`| head`) is no reason to stop working.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A line for a program that shows progress: `progress 3/10 what is done`, `?` for an unknown total.
pub fn progress(done: usize, total: Option<usize>, what: &str) {
    let total = total.map_or_else(|| "?".to_owned(), |total| total.to_string());
    say(format_args!("progress {done}/{total} {}", what.replace(char::is_control, " ")));
}

/// Calls again, after a growing pause, while the error is one of the moment.
///
/// Also when nobody knows whether a write was stored. What these programs write may be written twice, but for the bot's
/// count of messages, which may count one too often.
pub async fn retrying<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    for attempt in 1..ATTEMPTS {
        match call().await {
            Err(error) if error.is_retryable() || error.is_outcome_unknown() => {
                warn!(attempt, %error, "trying again");
            }
            result => return result,
        }
        sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
    }
    call().await
}

/// A row that this one needs is gone, text that PostgreSQL cannot hold, a stored row that cannot be read: no reason to
/// leave the others undone.
pub fn concerns_one_row(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ForeignKeyViolation | ErrorKind::InvalidInput | ErrorKind::UnreadableRow)
}
