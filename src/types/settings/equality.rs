//! Whether two JSON texts are equal as jsonb is: keys in any order, the last of repeated ones, numbers by their value.

use serde_json::value::RawValue;

use super::entries;

/// Whether two JSON texts are the same jsonb value. A work list instead of recursion: jsonb may be thousands of levels
/// deep.
pub(super) fn equal(left: &str, right: &str) -> bool {
    let mut pairs = vec![(left, right)];
    while let Some((left, right)) = pairs.pop() {
        if left == right {
            continue;
        }
        match (left.as_bytes().first(), right.as_bytes().first()) {
            (Some(b'{'), Some(b'{')) => match (entries(left), entries(right)) {
                (Some(left), Some(right)) if left.keys().eq(right.keys()) => {
                    pairs.extend(left.values().zip(right.values()).map(|(left, right)| (left.get(), right.get())));
                }
                _ => return false,
            },
            (Some(b'['), Some(b'[')) => match (elements(left), elements(right)) {
                (Some(left), Some(right)) if left.len() == right.len() => {
                    pairs.extend(left.iter().zip(&right).map(|(left, right)| (left.get(), right.get())));
                }
                _ => return false,
            },
            (Some(b'"'), Some(b'"')) if same_string(left, right) => {}
            (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) if same_number(left, right) => {}
            _ => return false,
        }
    }
    true
}

fn elements(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

fn same_string(left: &str, right: &str) -> bool {
    match (serde_json::from_str::<String>(left), serde_json::from_str::<String>(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

/// A number whose exponent is beyond an `i64` equals none: PostgreSQL cannot hold it.
fn same_number(left: &str, right: &str) -> bool {
    Decimal::of(left).is_some_and(|left| Some(left) == Decimal::of(right))
}

/// A JSON number of any size as ± 0.digits × 10^exponent, without zeros at either end; zero has no digits.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = format!("{integer}{fraction}");
        let significant = written.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let point = i64::try_from(integer.len()).ok()? - i64::try_from(written.len() - significant.len()).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(point)?;
        Some(Self { negative, digits, exponent })
    }
}
