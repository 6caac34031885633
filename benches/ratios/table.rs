//! The table of ratios, in Markdown.

use std::fmt::Write as _;
use std::fs;

use crate::common::numbers::Spread;
use crate::common::operations::Operation;
use crate::cost::Round;

/// One row for each operation.
pub struct Table(String);

impl Default for Table {
    fn default() -> Self {
        let head = "| operation | wall | spread | target | client CPU | spread | target | met |\n|---|---|---|---|---|---|---|---|\n";
        Self(head.to_owned())
    }
}

impl Table {
    /// Adds the ratios of an operation's rounds; adds nothing if a filter left the operation out.
    pub fn add(&mut self, operation: &Operation, rounds: &[Round]) {
        if rounds.is_empty() {
            return;
        }
        let wall = Spread::of(rounds.iter().map(Round::wall));
        let cpu = Spread::of(rounds.iter().map(Round::cpu));
        let [wall_target, cpu_target, met] = match operation.targets {
            None => [const { String::new() }; 3],
            Some([most_wall, most_cpu]) => {
                let met = if wall.median <= most_wall && cpu.median <= most_cpu { "yes" } else { "**no**" };
                [format!("{most_wall:.2}"), format!("{most_cpu:.2}"), met.to_owned()]
            }
        };
        let (name, wall, cpu) = (&operation.name, cells(&wall), cells(&cpu));
        writeln!(self.0, "| {name} | {wall} | {wall_target} | {cpu} | {cpu_target} | {met} |").expect("it is a string");
    }

    /// Prints the table, and saves it for `./dev bench`.
    pub fn write(&self) {
        println!("{}", self.0);
        fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/ratios.md"), &self.0).expect("the target folder is writable");
    }
}

fn cells(ratios: &Spread) -> String {
    format!("{:.2} | {:.2}–{:.2}", ratios.median, ratios.lower, ratios.upper)
}
