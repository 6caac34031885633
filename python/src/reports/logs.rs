//! The crate's events, for `logging`.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{self, Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::{Report, send};

/// A field of an event, as Python gets it.
#[derive(IntoPyObject)]
enum Value {
    Text(String),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

/// An event.
pub struct Record {
    level: Level,
    target: &'static str,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Record {
    fn new(level: Level, target: &'static str, message: String) -> Self {
        Self { level, target, message, fields: Vec::new() }
    }

    /// Hands it to `logging`.
    pub fn deliver(self, py: Python<'_>) -> PyResult<()> {
        static LOG: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let fields = PyDict::new(py);
        for (name, value) in self.fields {
            fields.set_item(name, value)?;
        }
        let arguments = (number(self.level), self.target.replace("::", "."), self.message, fields);
        LOG.import(py, "clip_saver_db._reports", "log")?.call1(arguments).map(drop)
    }
}

/// logging's number for a level.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

/// Logs a warning about a row that was left out.
pub fn warn_of_row(py: Python<'_>, error: &PyErr) -> PyResult<()> {
    let message = format!("left out a row that cannot be read: {}", error.value(py));
    Record::new(Level::WARN, "clip_saver_db", message).deliver(py)
}

/// Sends events of this level of `logging` and above to it; nothing below that costs a call anything.
#[pyfunction]
pub fn set_log_level(level: u32) {
    let level = match level {
        0..=5 => LevelFilter::TRACE,
        6..=10 => LevelFilter::DEBUG,
        11..=20 => LevelFilter::INFO,
        21..=30 => LevelFilter::WARN,
        31..=40 => LevelFilter::ERROR,
        _ => LevelFilter::OFF,
    };
    LEVEL.store(rank(level), Ordering::Relaxed);
    _ = tracing::subscriber::set_global_default(Events); // an error if it was set before
    tracing::callsite::rebuild_interest_cache();
}

static LEVEL: AtomicUsize = AtomicUsize::new(0);

/// The more it lets through, the higher.
fn rank(level: LevelFilter) -> usize {
    level.into_level().map_or(0, |level| match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    })
}

/// Queues events. Spans it does not want: what they say is in the metrics and in the events.
struct Events;

impl Subscriber for Events {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && rank(LevelFilter::from_level(*metadata.level())) <= LEVEL.load(Ordering::Relaxed)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1) // none is enabled
    }

    fn record(&self, _span: &Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut record = Record::new(*metadata.level(), metadata.target(), String::new());
        event.record(&mut record);
        send(Report::Log(record));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), Value::Text(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Value::Signed(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Value::Unsigned(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Value::Float(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), Value::Bool(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            _ = write!(self.message, "{value:?}"); // a String takes everything
        } else {
            self.fields.push((field.name(), Value::Text(format!("{value:?}"))));
        }
    }
}
