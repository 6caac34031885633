//! A child's progress bar. If stdout is not a terminal: a line at every tenth.

use std::io::{self, IsTerminal as _};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::support::say;

pub struct Meter {
    name: &'static str,
    /// If the child does not know it.
    total: Option<u64>,
    bar: ProgressBar,
    bars: MultiProgress,
}

impl Meter {
    pub fn new(name: &'static str, unit: &'static str, total: Option<u64>, bars: &MultiProgress) -> Self {
        let is_terminal = io::stdout().is_terminal();
        bars.set_draw_target(if is_terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() });
        let bar = bars.add(ProgressBar::new(0).with_prefix(name).with_message(unit));
        if let Ok(style) = ProgressStyle::with_template("{prefix:>8} [{bar:30}] {pos:>4}/{len:4} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { name, total, bar, bars: bars.clone() }
    }

    /// Shows a line of the child: `progress 3/10 what is done` moves the bar, any other line is printed. The total may be `?`.
    pub fn line(&self, line: &str) {
        match parse(line) {
            Some((done, total, what)) => self.advance(done, total.or(self.total).unwrap_or_default(), what),
            None => self.bars.suspend(|| say(format_args!("{}: {line}", self.name))),
        }
    }

    fn advance(&self, done: u64, total: u64, what: &str) {
        let before = self.tenths();
        self.bar.set_length(total);
        self.bar.set_position(done);
        if self.bars.is_hidden() && self.tenths() != before {
            say(format_args!("{}: {done}/{total} {what}", self.name));
        }
    }

    /// The progress that was shown last.
    pub fn position(&self) -> u64 {
        self.bar.position()
    }

    fn tenths(&self) -> u64 {
        self.bar.position() * 10 / self.bar.length().unwrap_or_default().max(1)
    }

    /// Stops the bar where it is.
    pub fn end(&self) {
        self.bar.abandon();
    }
}

fn parse(line: &str) -> Option<(u64, Option<u64>, &str)> {
    let (counts, what) = line.strip_prefix("progress ")?.split_once(' ')?;
    let (done, total) = counts.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok(), what))
}
