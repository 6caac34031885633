//! The programs that the demo runs: the examples beside it.

use std::env;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::support::{Failure, INTERRUPTED};

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

    /// The child's stdin: open until it is dropped.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Shows the child's progress until it ends. Its log is shown if it failed.
    pub async fn follow(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let (output, log) = (self.process.stdout.take(), self.process.stderr.take());
        let show = async {
            let Some(output) = output else { return Ok(()) };
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await? {
                self.meter.line(&line);
            }
            Ok::<_, Failure>(())
        };
        let read_log = async {
            let mut bytes = Vec::new();
            if let Some(mut log) = log {
                log.read_to_end(&mut bytes).await?;
            }
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let pass_on = pass_on_ctrl_c(self.process.id(), stop);
        let both = async { tokio::try_join!(show, read_log) };
        tokio::pin!(both);
        let ((), log) = tokio::select! {
            result = &mut both => result?,
            () = pass_on => both.await?,
        };
        self.meter.end();
        judge(self.name, self.process.wait().await?, &log)
    }
}

/// At a terminal Ctrl-C reaches the children, too; otherwise only this program, and a second one does no harm.
async fn pass_on_ctrl_c(process: Option<u32>, stop: &CancellationToken) {
    stop.cancelled().await;
    if let Some(id) = process {
        let _ = Command::new("sh").args(["-c", &format!("kill -INT {id}")]).stderr(Stdio::null()).status().await;
    }
}

fn judge(name: &str, status: ExitStatus, log: &str) -> Result<(), Failure> {
    if status.success() || status.code() == Some(INTERRUPTED.into()) {
        return Ok(());
    }
    Err(format!("{name} failed ({status}); its log:\n{log}").into())
}

fn sibling(name: &str) -> Result<PathBuf, Failure> {
    Ok(env::current_exe()?.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX)))
}
