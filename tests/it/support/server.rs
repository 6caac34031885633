//! A throwaway PostgreSQL, for tests and benches, and PgBouncer before one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A PostgreSQL of its own, started by `./dev server`, which stops it when this process ends, however it ends. Or PgBouncer,
/// by `./dev pooler`.
pub struct Server {
    pub url: String,
    _process: Child,
    lives_while_open: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one with the arguments of `./dev server`.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run("server", arguments)
    }

    /// Runs the command of `./dev` with these arguments.
    pub fn run(command: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dev"))
            .arg(command)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("./dev starts");
        let mut url = String::new();
        let mut answers = BufReader::new(process.stdout.take().expect("stdout is piped"));
        answers.read_line(&mut url).expect("./dev prints a URL");
        assert!(!url.is_empty(), "no {command}: see what ./dev printed above");
        let lives_while_open = process.stdin.take().expect("stdin is piped");
        Self { url: url.trim().to_owned(), _process: process, lives_while_open, answers }
    }

    /// Does one of `kill`, `stop`, `start`, `freeze` and `thaw` to it: see `./dev --help`.
    #[allow(dead_code, reason = "only tests/faults hurts its servers")]
    pub fn tell(&mut self, command: &str) {
        writeln!(self.lives_while_open, "{command}").expect("./dev server lives");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("./dev server answers");
        assert_eq!(answer, "ok\n", "{command}: see what ./dev server printed above");
    }
}
