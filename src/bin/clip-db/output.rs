//! Printing that never panics: whoever reads may stop to (`clip-db status | head -1`).

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Standard output, for results.
#[derive(Debug, Default)]
pub struct Output {
    error: Option<io::Error>,
}

impl Output {
    /// Prints a line at once. After an error nothing more is printed, and the work goes on.
    pub fn line(&mut self, text: impl Display) {
        if self.error.is_none() {
            let mut stdout = io::stdout().lock();
            self.error = writeln!(stdout, "{text}").and_then(|()| stdout.flush()).err();
        }
    }

    /// What went wrong. A reader who has left is nothing wrong.
    pub fn failure(self) -> Option<io::Error> {
        self.error.filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }
}

/// Prints to standard error.
pub fn complain(text: &str) {
    _ = writeln!(io::stderr(), "clip-db: {text}"); // there is nowhere else to say so
}
