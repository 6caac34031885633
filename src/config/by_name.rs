//! Reads a mode by its name.

use std::fmt::Display;

/// The value that is shown as this text.
pub(super) fn by_name<T: Display, const N: usize>(all: [T; N], text: &str) -> Result<T, String> {
    let names = all.each_ref().map(ToString::to_string);
    let found = all.into_iter().zip(&names).find(|(_, name)| *name == text);
    found.map(|(value, _)| value).ok_or_else(|| format!("{text:?} is not one of {}", names.join(", ")))
}
