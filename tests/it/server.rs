//! A throwaway PostgreSQL, for tests and benches, and PgBouncer before one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A PostgreSQL of its own, started by `./dev server`, which stops it when this process ends, however it ends. Or PgBouncer,
/// by `./dev pooler`.
pub struct Server {
    pub url: String,
    _process: Child,
    _lives_while_open: ChildStdin,
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
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut url).expect("./dev prints a URL");
        assert!(!url.is_empty(), "no {command}: see what ./dev printed above");
        let stdin = process.stdin.take().expect("stdin is piped");
        Self { url: url.trim().to_owned(), _process: process, _lives_while_open: stdin }
    }
}
