//! Whether two JSON texts are equal as jsonb: keys in any order, the last of repeated keys, numbers by their value.

use serde_json::value::RawValue;

use super::entries;

/// A work list instead of recursion: jsonb may be thousands of levels deep.
pub(super) fn equal(left: &str, right: &str) -> bool {
    let mut pairs = vec![(left, right)];
    while let Some((left, right)) = pairs.pop() {
        if left != right {
            let ((left, in_left), (right, in_right)) = (opened(left), opened(right));
            if left != right {
                return false;
            }
            pairs.extend(in_left.into_iter().zip(in_right));
        }
    }
    true
}

/// A value without its inner values, written in the same way as every equal one; and its inner values.
fn opened(json: &str) -> (String, Vec<&str>) {
    let opened = match json.as_bytes().first() {
        Some(b'{') => entries(json).map(|entries| (format!("{:?}", entries.keys()), entries.into_values().collect())),
        Some(b'[') => serde_json::from_str(json).ok().map(|all: Vec<_>| (format!("[{}", all.len()), all)),
        Some(b'"') => serde_json::from_str(json).ok().map(|text: String| (format!("{text:?}"), Vec::new())),
        Some(b'-' | b'0'..=b'9') => decimal(json).map(|number| (number, Vec::new())),
        _ => None,
    };
    let (outside, inside) = opened.unwrap_or_else(|| (json.to_owned(), Vec::new()));
    (outside, inside.into_iter().map(RawValue::get).collect())
}

/// A number as an integer that does not end in 0, and a power of ten; `None` if it is far beyond PostgreSQL's range.
fn decimal(json: &str) -> Option<String> {
    let (sign, number) = json.strip_prefix('-').map_or(("", json), |number| ("-", number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let zeros = digits.len() - significant.len();
    let exponent = exponent.parse::<isize>().ok()?.checked_sub_unsigned(fraction.len())?.checked_add_unsigned(zeros)?;
    Some(format!("{sign}{}e{exponent}", significant.trim_start_matches('0')))
}
