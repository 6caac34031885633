//! Which argument, or which part of one, an error names.

use std::fmt::Display;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors;

/// Where a value is: an argument of a function, or a field of an element of one.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub function: &'a str,
    argument: &'a str,
    inner: Option<&'a Inner<'a>>,
}

/// A part of an argument.
struct Inner<'a> {
    outer: Option<&'a Inner<'a>>,
    step: Step<'a>,
}

/// From an object to a part of it.
enum Step<'a> {
    Element(usize),
    Field(&'a str),
}

impl<'a> Place<'a> {
    pub const fn new(function: &'a str, argument: &'a str) -> Self {
        Self { function, argument, inner: None }
    }

    /// As in Python: `channels[3].name`.
    pub fn name(self) -> String {
        let Some(Inner { outer, step }) = self.inner else { return self.argument.to_owned() };
        let outer = Self { inner: *outer, ..self }.name();
        match step {
            Step::Element(index) => format!("{outer}[{index}]"),
            Step::Field(name) => format!("{outer}.{name}"),
        }
    }

    pub fn wrong_type(self, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
        let found = value.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("{}: `{}` must be {expected}, not {found}", self.function, self.name()))
    }

    /// A type that is wrong, as Python's own error says.
    pub fn wrong_type_because(self, cause: PyErr, value: &Bound<'_, PyAny>, reason: &str) -> PyErr {
        let error = PyTypeError::new_err(format!("{}: `{}` {reason}", self.function, self.name()));
        error.set_cause(value.py(), Some(cause));
        error
    }

    pub fn invalid(self, value: &Bound<'_, PyAny>, reason: impl Display) -> PyErr {
        errors::invalid_input(value.py(), self.function, &self.name(), &reason.to_string())
    }

    pub fn in_field<T>(self, field: &str, read: impl FnOnce(Place<'_>) -> PyResult<T>) -> PyResult<T> {
        read(Place { inner: Some(&Inner { outer: self.inner, step: Step::Field(field) }), ..self })
    }

    pub fn in_element<T>(self, index: usize, read: impl FnOnce(Place<'_>) -> PyResult<T>) -> PyResult<T> {
        read(Place { inner: Some(&Inner { outer: self.inner, step: Step::Element(index) }), ..self })
    }
}
