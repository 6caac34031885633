//! The results: a curve for each operation, over the same sizes.

use std::time::Duration;

use crate::common::numbers::{Spread, duration, float, whole};

/// Curves with the same x-axis.
pub struct Curves {
    pub title: &'static str,
    /// The sizes on the x-axis.
    pub sizes: &'static [u64],
    pub size: &'static str,
    pub unit: Unit,
    pub lines: Vec<Curve>,
}

/// An operation, and a point for each size.
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<Spread>,
}

/// The unit of a point.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Seconds per call.
    Time,
    /// Calls per second.
    Rate,
}

impl Unit {
    /// The title of a plot's y-axis.
    pub fn title(self) -> &'static str {
        match self {
            Self::Time => "time per call",
            Self::Rate => "calls per second",
        }
    }

    pub fn show(self, number: f64) -> String {
        match self {
            Self::Time => duration(Duration::from_secs_f64(number)),
            Self::Rate => whole(number),
        }
    }
}

impl Curves {
    pub fn new(title: &'static str, size: &'static str, sizes: &'static [u64], unit: Unit) -> Self {
        Self { title, sizes, size, unit, lines: Vec::new() }
    }

    /// Adds the next point of an operation's curve.
    pub fn add(&mut self, name: &'static str, point: Spread) {
        match self.lines.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => self.lines.push(Curve { name, points: vec![point] }),
        }
    }

    /// The table in Markdown: medians ± half the width of the rounds' middle half. The last column is the last median
    /// divided by the one before.
    pub fn table(&self) -> String {
        let sizes: Vec<_> = self.sizes.iter().map(|size| whole(float(*size))).collect();
        let lines: Vec<_> = self.lines.iter().map(|curve| self.line(curve)).collect();
        let head = format!("| {} | {} | last step |", self.size, sizes.join(" | "));
        format!("{head}\n|---|{}\n{}", "---:|".repeat(self.sizes.len() + 1), lines.concat())
    }

    fn line(&self, curve: &Curve) -> String {
        let cell = |point: &Spread| format!("{} ± {:.0} %", self.unit.show(point.median), point.percent());
        let cells: Vec<_> = curve.points.iter().map(cell).collect();
        let [.., before, last] = &curve.points[..] else { unreachable!("there are two sizes at least") };
        format!("| {} | {} | × {:.2} |\n", curve.name, cells.join(" | "), last.median / before.median)
    }
}
