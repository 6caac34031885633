//! The table of ratios, in Markdown.

use std::fmt::Write as _;
use std::fs;

use crate::common::numbers::Spread;
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
        let (wall, cpu) = (cells(&wall, operation.wall), cells(&cpu, operation.cpu));
        writeln!(self.0, "| {} | {wall} | {cpu} | {met} |", operation.name).expect("a string takes everything");
    }

    /// Prints the table, and leaves it for `./dev bench`.
    pub fn write(&self) {
        println!("{}", self.0);
        fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/ratios.md"), &self.0).expect("the target folder is writable");
    }
}

fn cells(ratios: &Spread, target: f64) -> String {
    format!("{:.2} | {:.2}–{:.2} | {target:.2}", ratios.median, ratios.lower, ratios.upper)
}
