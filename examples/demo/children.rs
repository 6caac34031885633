//! The child programs of the demo: the examples `bot` and `worker`, in Rust or in Python.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::support::Failure;

const PYTHON_EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/examples");

/// Where the examples are.
pub enum Programs {
    /// Beside this program.
    Rust,
    /// In python/examples/, for this interpreter.
    Python(OsString),
}

impl Programs {
    /// Reads the command line.
    pub fn read() -> Result<Self, Failure> {
        let mut arguments = env::args_os().skip(1);
        match (arguments.next(), arguments.next(), arguments.next()) {
            (None, ..) => Ok(Self::Rust),
            (Some(option), Some(interpreter), None) if option == "--python" => Ok(Self::Python(interpreter)),
            _ => Err("usage: demo [--python INTERPRETER]".into()),
        }
    }

    fn command(&self, example: &str) -> Result<Command, Failure> {
        match self {
            Self::Rust => Ok(Command::new(sibling(example)?)),
            Self::Python(interpreter) => {
                let mut command = Command::new(interpreter);
                command.arg(Path::new(PYTHON_EXAMPLES).join(format!("{example}.py")));
                Ok(command)
            }
        }
    }
}

pub struct Child {
    name: &'static str,
    process: tokio::process::Child,
    meter: Meter,
}

impl Child {
    /// Starts an example. `name` is shown before its lines.
    pub fn start(
        programs: &Programs,
        name: &'static str,
        example: &str,
        arguments: &[&str],
        delay: &str,
        meter: Meter,
    ) -> Result<Self, Failure> {
        let mut command = programs.command(example)?;
        let process = command
            .args(arguments)
            .env("DELAY_MS", delay)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}; try `cargo build --examples`"))?;
        Ok(Self { name, process, meter })
    }

    /// Shows the child's progress until it ends: by itself, by Ctrl-C after `stop`, or by kill -9 at a progress of `kill_at`. If
    /// it fails, the error holds its log.
    pub async fn follow(&mut self, stop: &CancellationToken, kill_at: Option<u64>) -> Result<(), Failure> {
        let log = tokio::spawn(read_all(self.process.stderr.take()));
        let mut is_killed = false;
        let ctrl_c = tokio::spawn(pass_on_ctrl_c(self.process.id(), stop.clone()));
        if let Some(output) = self.process.stdout.take() {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await? {
                self.meter.line(&line);
                if !is_killed && kill_at.is_some_and(|at| self.meter.position() >= at) {
                    self.process.start_kill()?;
                    is_killed = true;
                }
            }
        }
        let status = self.process.wait().await?;
        ctrl_c.abort();
        self.meter.end();
        if is_killed {
            self.meter.line("killed with kill -9: the others take over its runs when their leases expire");
            return Ok(());
        }
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
