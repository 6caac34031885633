//! A throwaway PostgreSQL for tests and benches, and a PgBouncer in front of one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A PostgreSQL that `./dev server` has started, or a PgBouncer that `./dev pooler` has started. `./dev` stops it when this
/// process ends, however it ends.
pub struct Server {
    pub url: String,
    _process: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server with these arguments of `./dev server`.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run("server", arguments)
    }

    /// Starts what a command of `./dev` serves, with these arguments.
    pub fn run(command: &str, arguments: &[&str]) -> Self {
        Self::spawn(Command::new(dev()).arg(command).args(arguments))
    }

    /// Starts a command of `./dev` that serves something.
    pub fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("./dev starts");
        let mut url = String::new();
        let mut answers = BufReader::new(process.stdout.take().expect("stdout is piped"));
        answers.read_line(&mut url).expect("./dev prints a URL");
        assert!(!url.is_empty(), "{command:?} did not start: see the output of ./dev above");
        let stdin = process.stdin.take().expect("stdin is piped");
        Self { url: url.trim().to_owned(), _process: process, stdin, answers }
    }

    /// Sends `./dev server` a command: `kill`, `stop`, `start`, `freeze` or `thaw`. See `./dev --help`.
    #[allow(dead_code, reason = "the benches send no commands to their servers")]
    pub fn send_command(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").expect("./dev server is running");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("./dev server answers");
        assert_eq!(answer, "ok\n", "{command}: see the output of ./dev server above");
    }
}

/// The path of `./dev`: in the package's folder, or above it if the package is one of benches/.
pub fn dev() -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.map(|folder| folder.join("dev")).find(|dev| dev.is_file()).expect("./dev is there")
}
