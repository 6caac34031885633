//! Statistics over several rounds, and their format in tables.

use std::time::Duration;

/// The median of several rounds, and the middle half of them.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
}

impl Spread {
    /// Computes it from one number a round.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let at = |quarter: usize| rounds[(rounds.len() - 1) * quarter / 4];
        Self { lower: at(1), median: at(2), upper: at(3) }
    }

    /// Half the width of the middle half, in percent of the median.
    pub fn percent(&self) -> f64 {
        (self.upper - self.lower) / 2.0 / self.median * 100.0
    }
}

/// Converts a count. All counts here are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Formats a number with commas and without decimals.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Formats a time with three digits and a unit.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1e-6, "µs"));
    let number = seconds / unit;
    let digits = [10.0, 100.0].iter().filter(|limit| number < **limit).count();
    format!("{number:.digits$} {name}")
}
