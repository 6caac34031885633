//! The table of ratios, in Markdown.

use std::fmt::Write as _;
use std::fs;

use crate::common::operations::Operation;
use crate::cost::Round;

/// A row an operation.
pub struct Table(String);

impl Default for Table {
    fn default() -> Self {
        let head = "| operation | wall | spread | target | client CPU | spread | target | met |\n|---|---|---|---|---|---|---|---|\n";
        Self(head.to_owned())
    }
}

impl Table {
    /// Adds what the rounds of an operation gave; nothing if a filter left it out.
    pub fn add(&mut self, operation: &Operation, rounds: &[Round]) {
        if rounds.is_empty() {
            return;
        }
        let wall = Spread::of(rounds.iter().map(Round::wall));
        let cpu = Spread::of(rounds.iter().map(Round::cpu));
        let met = if wall.median <= operation.wall && cpu.median <= operation.cpu { "yes" } else { "**no**" };
        let (wall, cpu) = (wall.cells(operation.wall), cpu.cells(operation.cpu));
        writeln!(self.0, "| {} | {wall} | {cpu} | {met} |", operation.name).expect("a string takes everything");
    }

    /// Prints the table, and leaves it for `./dev bench`.
    pub fn write(&self) {
        println!("{}", self.0);
        fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/ratios.md"), &self.0).expect("the target folder is writable");
    }
}

/// The median of ratios, and the middle half of them.
struct Spread {
    lower: f64,
    median: f64,
    upper: f64,
}

impl Spread {
    fn of(ratios: impl Iterator<Item = f64>) -> Self {
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
        Self { lower: at(1), median: at(2), upper: at(3) }
    }

    fn cells(&self, target: f64) -> String {
        format!("{:.2} | {:.2}–{:.2} | {target:.2}", self.median, self.lower, self.upper)
    }
}
