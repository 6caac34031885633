//! The child programs of the demo: the examples `bot` and `worker`.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{ChildStderr, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::support::Failure;

pub struct Child {
    name: &'static str,
    process: tokio::process::Child,
    meter: Meter,
}

impl Child {
    pub fn start(name: &'static str, files: &[&str], delay: &str, meter: Meter) -> Result<Self, Failure> {
        let program = sibling(name)?;
        let process = Command::new(&program)
            .args(files)
            .env("DELAY_MS", delay)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}; try `cargo build --examples`", program.display()))?;
        Ok(Self { name, process, meter })
    }

    /// The child's stdin. Dropping it closes it.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Shows the child's progress until it ends. If it fails, the error holds its log.
    pub async fn follow(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let log = tokio::spawn(read_all(self.process.stderr.take()));
        let ctrl_c = tokio::spawn(pass_on_ctrl_c(self.process.id(), stop.clone()));
        if let Some(output) = self.process.stdout.take() {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await? {
                self.meter.line(&line);
            }
        }
        let status = self.process.wait().await?;
        ctrl_c.abort();
        self.meter.end();
        if status.success() || stop.is_cancelled() {
            return Ok(());
        }
        Err(format!("{} failed ({status}); its log:\n{}", self.name, log.await?).into())
    }
}

async fn read_all(log: Option<ChildStderr>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut log) = log {
        let _ = log.read_to_end(&mut bytes).await; // after an error, what was read so far is shown
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Passes Ctrl-C on to a child. At a terminal the child already got it; a second one does no harm.
async fn pass_on_ctrl_c(process: Option<u32>, stop: CancellationToken) {
    stop.cancelled().await;
    if let Some(id) = process {
        let _ = Command::new("sh").args(["-c", &format!("kill -INT {id}")]).stderr(Stdio::null()).status().await;
    }
}

fn sibling(name: &str) -> Result<PathBuf, Failure> {
    Ok(env::current_exe()?.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX)))
}
