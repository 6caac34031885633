//! Printing that never panics: the reader may go away (`clip-db status | head -1`).

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use comfy_table::{Table, presets};

/// Standard output, for results.
#[derive(Debug, Default)]
pub struct Output {
    error: Option<io::Error>,
}

impl Output {
    /// Prints a line at once. After an error it prints nothing more, and the work goes on.
    pub fn line(&mut self, text: impl Display) {
        if self.error.is_none() {
            let mut stdout = io::stdout().lock();
            self.error = writeln!(stdout, "{text}").and_then(|()| stdout.flush()).err();
        }
    }

    /// The error, if there was one. A reader that has gone away is not an error.
    pub fn failure(self) -> Option<io::Error> {
        self.error.filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }
}

/// An empty table with these columns.
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(columns);
    table
}

/// Prints to standard error.
pub fn print_error(text: &str) {
    _ = writeln!(begin_error(), "{text}"); // an error here cannot be reported
}

/// Standard error, after the start of a message.
pub fn begin_error() -> io::Stderr {
    let mut stderr = io::stderr();
    _ = write!(stderr, "clip-db: ");
    stderr
}
