//! What a page of messages covers, for `ScanPage`'s constructors.

use clip_saver_db::{MessageId, MessageInterval, ScanPage};
use pyo3::prelude::*;

use crate::arguments::{Place, id, ids, optional_id};

/// The first and the last message that a page covers, and its messages.
type Covered = (u64, u64, Vec<u64>);

/// A page that was asked for with `after`; `None` if it has no message.
#[pyfunction]
pub fn covered_after(after: &Bound<'_, PyAny>, messages: &Bound<'_, PyAny>) -> PyResult<Option<Covered>> {
    let place = |argument| Place::new("ScanPage.after", argument);
    let (after, messages) = (optional_id(place("after"), after)?, read(place("messages"), messages)?);
    Ok(ScanPage::after(after, messages).map(covered))
}

/// A page that was asked for with `before`; `None` if it has no message.
#[pyfunction]
pub fn covered_before(before: &Bound<'_, PyAny>, messages: &Bound<'_, PyAny>) -> PyResult<Option<Covered>> {
    let place = |argument| Place::new("ScanPage.before", argument);
    let (before, messages) = (id(place("before"), before)?, read(place("messages"), messages)?);
    Ok(ScanPage::before(before, messages).map(covered))
}

fn read(place: Place<'_>, messages: &Bound<'_, PyAny>) -> PyResult<Vec<MessageId>> {
    ids(place, messages)
}

fn covered(page: ScanPage) -> Covered {
    let MessageInterval { first, last, .. } = page.covered;
    (first.get(), last.get(), page.messages.into_iter().map(MessageId::get).collect())
}
