//! Shared by the example programs: start, stop and exit, progress lines, retries, and what a clip is.
#![allow(dead_code, reason = "each program uses a part of this")]

pub mod clips;

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

/// Any error that ends a program.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// The exit code that shells report for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How often a call is tried before its error is returned.
const ATTEMPTS: u32 = 5;

/// The files that the command line names, `most` at most.
pub fn files(usage: &str, most: usize) -> Result<Vec<PathBuf>, Failure> {
    let files: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let is_option = |file: &PathBuf| file.as_os_str() != "-" && file.to_string_lossy().starts_with('-');
    if files.len() > most || files.iter().any(is_option) { Err(usage.into()) } else { Ok(files) }
}

/// `DELAY_MS`: a pause after every step, so that a person can watch.
pub fn delay() -> Result<Duration, Failure> {
    let Ok(text) = env::var("DELAY_MS") else { return Ok(Duration::ZERO) };
    text.parse().map(Duration::from_millis).map_err(|error| format!("DELAY_MS: {error}").into())
}

/// Logs to stderr: stdout is for progress.
pub fn start_log(level: Level) {
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
}

/// Opens the database, does the work, and closes the database even if the work fails. Ctrl-C asks the work to stop.
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

/// Prints on stderr why a program failed.
pub fn exit_code(result: Result<ExitCode, Failure>) -> ExitCode {
    result.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

/// Prints a line on stdout. If its reader is gone (`| head`), the work goes on.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line for a program that shows progress: `progress 3/10 what is done`, with `?` for an unknown total.
pub fn progress(done: u64, total: Option<u64>, what: &str) {
    let total = total.map_or_else(|| "?".to_owned(), |total| total.to_string());
    say(format_args!("progress {done}/{total} {}", what.replace(char::is_control, " ")));
}

/// Makes a call. While its error is temporary, makes it again after a growing pause.
///
/// It also repeats a write of unknown outcome: these programs may write everything twice without harm.
pub async fn retrying<T, F>(mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for attempt in 1..ATTEMPTS {
        match call().await {
            Err(error) if is_temporary(&error) => {
                warn!(attempt, %error, "trying again");
            }
            result => return result,
        }
        sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
    }
    call().await
}

/// Whether the same call may succeed a moment later.
pub fn is_temporary(error: &Error) -> bool {
    error.is_retryable() || error.is_outcome_unknown()
}

/// Whether an error concerns only one row, so that the others can go on: a row that it needs is gone, PostgreSQL cannot
/// store its text, or a stored row cannot be read.
pub fn concerns_one_row(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ForeignKeyViolation | ErrorKind::InvalidInput | ErrorKind::UnreadableRow)
}
