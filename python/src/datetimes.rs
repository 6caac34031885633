//! Times as Python's aware `datetime` in UTC, and back.

use std::ffi::c_int;
use std::ptr::NonNull;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use pyo3::ffi::{PyCapsule_Import, PyObject, PyTypeObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDateTime;

use crate::errors;

/// The beginning of `PyDateTime_CAPI`, in datetime.h of `CPython`: it is the same since Python 3.7. The limited API does not show
/// it; calling the class instead takes 10 of the 24 milliseconds of 10,000 channels.
#[repr(C)]
struct Api {
    date_type: *mut PyTypeObject,
    datetime_type: *mut PyTypeObject,
    time_type: *mut PyTypeObject,
    delta_type: *mut PyTypeObject,
    tzinfo_type: *mut PyTypeObject,
    utc: *mut PyObject,
    new_date: unsafe extern "C" fn(c_int, c_int, c_int, *mut PyTypeObject) -> *mut PyObject,
    new_datetime: unsafe extern "C" fn(
        year: c_int,
        month: c_int,
        day: c_int,
        hour: c_int,
        minute: c_int,
        second: c_int,
        microsecond: c_int,
        tzinfo: *mut PyObject,
        class: *mut PyTypeObject,
    ) -> *mut PyObject,
}

/// A pointer to what `CPython` never frees.
struct StaticApi(NonNull<Api>);

#[expect(unsafe_code, reason = "the structure is constant once it was made")]
// SAFETY: nothing writes to it after the capsule was made, and its functions are only called by threads that are attached.
unsafe impl Send for StaticApi {}
#[expect(unsafe_code, reason = "the structure is constant once it was made")]
// SAFETY: as above.
unsafe impl Sync for StaticApi {}

/// An aware `datetime` in UTC, to the microsecond.
#[expect(unsafe_code, reason = "a function of CPython")]
pub fn into_python(py: Python<'_>, time: DateTime<Utc>) -> PyResult<Py<PyAny>> {
    if !is_held(time) {
        return Err(errors::unreadable(py, &format!("is {time}, and Python's datetime holds the years 1 to 9999")));
    }
    let part = |part: u32| c_int::try_from(part).unwrap_or(0); // each is at most 999,999
    // SAFETY: this thread is attached, the structure is CPython's own, and the result is a new reference, or null with an
    // exception.
    unsafe {
        let api = api(py)?.0.as_ref();
        let made = (api.new_datetime)(
            time.year(),
            part(time.month()),
            part(time.day()),
            part(time.hour()),
            part(time.minute()),
            part(time.second()),
            part(time.nanosecond() / 1_000 % 1_000_000),
            api.utc,
            api.datetime_type,
        );
        Bound::from_owned_ptr_or_err(py, made).map(Bound::unbind)
    }
}

/// Whether Python's `datetime` holds it.
pub fn is_held(time: DateTime<Utc>) -> bool {
    (1..=9999).contains(&time.year())
}

#[expect(unsafe_code, reason = "a capsule of CPython")]
fn api(py: Python<'_>) -> PyResult<&'static StaticApi> {
    static API: PyOnceLock<StaticApi> = PyOnceLock::new();
    API.get_or_try_init(py, || {
        py.import("datetime")?;
        // SAFETY: this thread is attached, and the name is a C string.
        let api = unsafe { PyCapsule_Import(c"datetime.datetime_CAPI".as_ptr(), 0) };
        NonNull::new(api.cast()).map(StaticApi).ok_or_else(|| PyErr::fetch(py))
    })
}

/// The time of an aware `datetime`; `None` if it is naive.
pub fn from_python(datetime: &Bound<'_, PyAny>) -> PyResult<Option<DateTime<Utc>>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = datetime.py();
    if datetime.call_method0(intern!(py, "utcoffset"))?.is_none() {
        return Ok(None);
    }
    let epoch = EPOCH.get_or_try_init(py, || into_python(py, DateTime::UNIX_EPOCH))?;
    // Not `-`: a subclass may answer anything.
    let since = py.get_type::<PyDateTime>().call_method1(intern!(py, "__sub__"), (datetime, epoch))?;
    let part = |name| since.getattr(name)?.extract::<i64>();
    let (days, seconds) = (part(intern!(py, "days"))?, part(intern!(py, "seconds"))?);
    let microseconds = part(intern!(py, "microseconds"))?;
    let since = TimeDelta::days(days) + TimeDelta::seconds(seconds) + TimeDelta::microseconds(microseconds);
    Ok(Some(DateTime::UNIX_EPOCH + since))
}

/// Whether it is a `datetime`.
pub fn is_datetime(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static DATETIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    value.is_instance(DATETIME.import(value.py(), "datetime", "datetime")?)
}
