//! What Python hands to a call, as the crate takes it. A wrong type is a `TypeError`, a wrong value an `InvalidId` or
//! `InvalidInput`, which are `ValueError`s; each names the argument, and nothing was sent.

mod objects;
mod place;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{Error, ScanRunId, Settings};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBoolMethods, PyByteArray, PyBytes, PyFloat, PyInt, PyMemoryView, PyString};
use uuid::Uuid;

pub use self::objects::{channels, claim, claims, guild, guilds, optional_clip_key, page, user, users};
pub use self::place::Place;
use crate::lease::ScanWorker;
use crate::{datetimes, errors, json};

type Value<'a, 'py> = &'a Bound<'py, PyAny>;

/// A snowflake: a `str` of decimal digits, or an `int`.
pub fn id<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<T> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_cow();
        let text = text.as_deref().unwrap_or("\u{fffd}"); // half a surrogate pair is in no id
        return text.parse().map_err(|error: Error| {
            errors::invalid_id(py, place.function, &place.name(), &format!("is wrong: {error}"))
        });
    }
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("an id (str or int)", value));
    }
    match value.extract::<u64>() {
        Ok(id) => Ok(id.into()),
        Err(_) => {
            Err(errors::invalid_id(py, place.function, &place.name(), "is not a valid id: ids are from 0 to 2**64 - 1"))
        }
    }
}

pub fn optional_id<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<T>> {
    optional(place, value, id)
}

fn optional<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    read: impl FnOnce(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    if value.is_none() { Ok(None) } else { read(place, value).map(Some) }
}

/// A run's id: a `UUID`, or its text.
pub fn run_id(place: Place<'_>, value: Value<'_, '_>) -> PyResult<ScanRunId> {
    static UUID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    if value.is_instance(UUID.import(py, "uuid", "UUID")?)? {
        return Ok(Uuid::from_u128(value.getattr("int")?.extract()?).into());
    }
    let Ok(text) = value.cast::<PyString>() else { return Err(place.wrong_type("a run's id (UUID or str)", value)) };
    let text = text.to_cow();
    text.as_deref()
        .unwrap_or("\u{fffd}")
        .parse()
        .map_err(|error: Error| errors::invalid_id(py, place.function, &place.name(), &format!("is wrong: {error}")))
}

pub fn text(place: Place<'_>, value: Value<'_, '_>) -> PyResult<String> {
    let Ok(text) = value.cast::<PyString>() else { return Err(place.wrong_type("a str", value)) };
    match text.to_cow() {
        Ok(text) => Ok(text.into_owned()),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) => {
            Err(place.invalid(value, "holds half a surrogate pair, which PostgreSQL cannot store"))
        }
        Err(error) => Err(error),
    }
}

pub fn optional_text(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<String>> {
    optional(place, value, text)
}

pub fn boolean(place: Place<'_>, value: Value<'_, '_>) -> PyResult<bool> {
    value.cast::<PyBool>().map(PyBoolMethods::is_true).map_err(|_| place.wrong_type("a bool", value))
}

/// A number of 64 bits.
pub fn integer<T: TryFrom<i64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<T> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("an int", value));
    }
    let number = value.extract::<i64>().map_err(|_| place.invalid(value, "is beyond PostgreSQL's bigint"))?;
    T::try_from(number).map_err(|_| place.invalid(value, format!("is {number}, out of range")))
}

fn optional_integer<T: TryFrom<i64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<T>> {
    optional(place, value, integer)
}

fn float(place: Place<'_>, value: Value<'_, '_>) -> PyResult<f64> {
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    if !is_number || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("a number", value));
    }
    value.extract().map_err(|_| place.invalid(value, "is beyond a float's range"))
}

/// A number of seconds, not negative.
pub fn seconds(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Duration> {
    let seconds = float(place, value)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| place.invalid(value, "must be from 0 seconds to 100 years"))
}

/// An aware `datetime`.
fn time(place: Place<'_>, value: Value<'_, '_>) -> PyResult<DateTime<Utc>> {
    if !datetimes::is_datetime(value)? {
        return Err(place.wrong_type("a datetime", value));
    }
    let time = datetimes::from_python(value)?.ok_or_else(|| {
        place.invalid(value, "has no time zone: use datetime.now(timezone.utc), or .astimezone() for local time")
    })?;
    // Else it could not be read again.
    if datetimes::is_held(time) { Ok(time) } else { Err(place.invalid(value, "is beyond the years 1 to 9999 in UTC")) }
}

pub fn optional_time(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<DateTime<Utc>>> {
    optional(place, value, time)
}

/// Any mapping that is JSON.
pub fn settings(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Settings> {
    if !json::is_mapping(value)? {
        return Err(place.wrong_type("a mapping", value));
    }
    json::from_python(value)?.map_err(|refusal| match refusal {
        json::Refusal::NotStorable(reason) => place.invalid(value, reason),
        json::Refusal::NoJson(cause) => {
            let reason = format!("is not JSON: {}", cause.value(value.py()));
            if cause.is_instance_of::<PyTypeError>(value.py()) {
                return place.wrong_type_because(cause, value, &reason);
            }
            let error = place.invalid(value, reason);
            error.set_cause(value.py(), Some(cause));
            error
        }
    })
}

/// Any iterable. Neither text nor bytes are: their characters would be taken for elements.
fn each<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    expected: &str,
    read: impl Fn(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let is_text = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyMemoryView>();
    let elements = if is_text { None } else { iterate(value)? };
    let elements = elements.ok_or_else(|| place.wrong_type(&format!("an iterable of {expected}"), value))?;
    elements.enumerate().map(|(index, element)| place.in_element(index, |place| read(place, &element?))).collect()
}

/// `None` if it is not iterable. Errors of an iterator of the caller's are the caller's.
fn iterate<'a, 'py>(
    value: Value<'a, 'py>,
) -> PyResult<Option<impl Iterator<Item = PyResult<Bound<'py, PyAny>>> + use<'a, 'py>>> {
    match value.try_iter() {
        Ok(elements) => Ok(Some(elements)),
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

pub fn ids<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<T>> {
    each(place, value, "ids", id)
}

fn optional_settings(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<Settings>> {
    optional(place, value, settings)
}

fn optional_float(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<f64>> {
    optional(place, value, float)
}

fn size(place: Place<'_>, value: Value<'_, '_>) -> PyResult<u64> {
    integer(place, value)
}

pub fn worker(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Arc<clip_saver_db::ScanWorker>> {
    value.cast::<ScanWorker>().map(|worker| worker.get().worker()).map_err(|_| place.wrong_type("a ScanWorker", value))
}
