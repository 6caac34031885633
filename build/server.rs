//! The PostgreSQL that prepares the queries: the one that `CLIP_DB_CODEGEN_URL` names, or a scratch server that runs until
//! this value is dropped (`./dev server` stops when its standard input closes).

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server.
pub struct Server {
    /// Its URL.
    pub url: String,
    scratch: Option<Child>,
}

impl Server {
    /// Uses the named server, or starts one.
    pub fn start(root: &Path) -> Result<Self, String> {
        if let Ok(url) = env::var("CLIP_DB_CODEGEN_URL") {
            return Ok(Self { url, scratch: None });
        }
        let mut scratch = Command::new(root.join("dev"))
            .arg("server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("./dev server: {error}"))?;
        let mut url = String::new();
        if let Some(stdout) = scratch.stdout.take() {
            BufReader::new(stdout).read_line(&mut url).map_err(|error| format!("./dev server: {error}"))?;
        }
        if url.is_empty() {
            return Err(failure(&mut scratch));
        }
        Ok(Self { url: url.trim().to_owned(), scratch: Some(scratch) })
    }
}

fn failure(scratch: &mut Child) -> String {
    let mut message = String::new();
    if let Some(mut stderr) = scratch.stderr.take() {
        let _ = stderr.read_to_string(&mut message);
    }
    let _ = scratch.wait();
    message
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(scratch) = &mut self.scratch {
            drop(scratch.stdin.take());
            let _ = scratch.wait();
        }
    }
}
