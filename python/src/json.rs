//! Settings as Python objects, and back.

use std::fmt;

use clip_saver_db::Settings;
use pyo3::exceptions::{PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyString};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::errors;

/// What `json.loads` returns for the text. `serde_json` reads it without a tree in between, and leaves to `json.loads` what it
/// cannot hold: integers over 64 bits, nesting over 128 levels.
pub fn into_python<'py>(py: Python<'py>, settings: &Settings) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut text = serde_json::Deserializer::from_str(settings.as_str());
    if let Ok(value) = Value(py).deserialize(&mut text) {
        return Ok(value);
    }
    LOADS
        .import(py, "json", "loads")?
        .call1((settings.as_str(),))
        .map_err(|error| errors::unreadable(py, &format!("is beyond what Python's json reads: {}", error.value(py))))
}

/// Why a mapping cannot be stored as JSON.
pub enum Refusal {
    /// Python's json says so, by a `TypeError` or another error.
    NoJson(PyErr),
    NotStorable(String),
}

/// The JSON text of a mapping.
pub fn from_python(mapping: &Bound<'_, PyAny>) -> PyResult<Result<Settings, Refusal>> {
    static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = mapping.py();
    let encode = ENCODE.get_or_try_init(py, || {
        let options = PyDict::new(py);
        options.set_item("ensure_ascii", false)?;
        options.set_item("allow_nan", false)?;
        let encoder = py.import("json")?.getattr("JSONEncoder")?.call((), Some(&options))?;
        encoder.getattr("encode").map(Bound::unbind)
    })?;
    let exact = match mapping.cast_exact::<PyDict>() {
        Ok(dict) => dict.clone(),
        Err(_) => py.get_type::<PyDict>().call1((mapping,))?.cast_into()?,
    };
    let text = match encode.bind(py).call1((exact,)) {
        Ok(text) => text.cast_into::<PyString>()?,
        Err(error) if is_of_json(py, &error) => return Ok(Err(Refusal::NoJson(error))),
        Err(error) => return Err(error),
    };
    // Half surrogate pairs are in no UTF-8.
    Ok(text
        .to_str()
        .map_err(|_| "holds half a surrogate pair, which PostgreSQL cannot store".to_owned())
        .and_then(|text| text.parse().map_err(|error: clip_saver_db::Error| error.to_string()))
        .map_err(Refusal::NotStorable))
}

/// Whether the error may be one of json's own.
fn is_of_json(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyRecursionError>(py)
}

#[derive(Clone, Copy)]
struct Value<'py>(Python<'py>);

impl<'de, 'py> DeserializeSeed<'de> for Value<'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Value<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.0.None().into_bound(self.0))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.0, value).to_owned().into_any())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        value.into_pyobject(self.0).map(Bound::into_any).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        value.into_pyobject(self.0).map(Bound::into_any).map_err(E::custom)
    }

    /// An integer over 64 bits comes as a number whose digits are lost.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if value.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(E::custom("perhaps an integer"));
        }
        Ok(PyFloat::new(self.0, value).into_any())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.0, value).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let list = PyList::empty(self.0);
        while let Some(element) = elements.next_element_seed(self)? {
            list.append(element).map_err(A::Error::custom)?;
        }
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.0);
        while let Some((key, value)) = entries.next_entry_seed(Key(self.0), self)? {
            dict.set_item(key, value).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}

/// A key. Those of one program's settings are few: equal ones share a string.
#[derive(Clone, Copy)]
struct Key<'py>(Python<'py>);

impl<'de, 'py> DeserializeSeed<'de> for Key<'py> {
    type Value = Bound<'py, PyString>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'py> Visitor<'_> for Key<'py> {
    type Value = Bound<'py, PyString>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(PyString::intern(self.0, key))
    }
}

/// Whether it is a mapping.
pub fn is_mapping(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MAPPING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_instance_of::<PyDict>() {
        return Ok(true);
    }
    value.is_instance(MAPPING.import(value.py(), "collections.abc", "Mapping")?)
}
