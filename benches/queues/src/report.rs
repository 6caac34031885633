//! The table: what was measured, the aim, and whether it was met.

use std::fmt;

/// The rows of the table, in the order in which they were measured.
#[derive(Default)]
pub struct Report(Vec<Row>);

struct Row {
    work: String,
    measured: String,
    aim: Option<(String, bool)>,
}

impl Report {
    /// Adds a figure with an aim.
    pub fn add(&mut self, work: impl Into<String>, measured: String, aim: impl Into<String>, is_met: bool) {
        self.push(work.into(), measured, Some((aim.into(), is_met)));
    }

    /// Adds a figure that others are compared with.
    pub fn note(&mut self, work: impl Into<String>, measured: String) {
        self.push(work.into(), measured, None);
    }

    fn push(&mut self, work: String, measured: String, aim: Option<(String, bool)>) {
        eprintln!("{work}: {measured}");
        self.0.push(Row { work, measured, aim });
    }
}

/// As Markdown.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| work | measured | aim | met |\n|---|---:|---:|---|")?;
        for Row { work, measured, aim } in &self.0 {
            let (aim, met) = match aim {
                None => ("", ""),
                Some((aim, true)) => (aim.as_str(), "yes"),
                Some((aim, false)) => (aim.as_str(), "**no**"),
            };
            writeln!(formatter, "| {work} | {measured} | {aim} | {met} |")?;
        }
        Ok(())
    }
}
