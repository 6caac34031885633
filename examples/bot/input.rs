//! Lines of a file or of stdin. A thread reads them, so Ctrl-C does not wait for the next line.

use std::fs;
use std::io::{self, BufRead, Cursor};
use std::path::{Path, PathBuf};
use std::thread;

use tokio::sync::mpsc;

use super::support::Failure;

pub struct Input {
    /// The number of lines; `None` for stdin.
    pub total: Option<u64>,
    lines: mpsc::Receiver<io::Result<Vec<u8>>>,
}

impl Input {
    pub fn open(path: Option<&PathBuf>) -> Result<Self, Failure> {
        match path {
            Some(path) if path != Path::new("-") => {
                let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let total = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
                Ok(Self { total: u64::try_from(total).ok(), lines: send_lines(Cursor::new(bytes)) })
            }
            _ => Ok(Self { total: None, lines: send_lines(io::BufReader::new(io::stdin())) }),
        }
    }

    /// The next line that is not empty; `None` at the end.
    pub async fn next_line(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.lines.recv().await
    }
}

fn send_lines(reader: impl BufRead + Send + 'static) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(100);
    thread::spawn(move || {
        for line in reader.split(b'\n').filter(|line| !matches!(line, Ok(bytes) if bytes.is_empty())) {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}
