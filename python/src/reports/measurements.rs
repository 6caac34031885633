//! The crate's measurements, for a hook in Python.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Recorder, SharedString, Unit};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Report, send};
use crate::lock;

static HOOK: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Calls the hook with each measurement: its kind (`counter`, `histogram` or `gauge`), name, value and attributes.
#[pyfunction]
pub fn report_metrics(hook: Py<PyAny>) -> PyResult<()> {
    let before = lock(&HOOK).replace(hook);
    if before.is_none() {
        metrics::set_global_recorder(Measurements).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    }
    Ok(())
}

/// One more count or value, or what a gauge shows now.
pub struct Measurement {
    kind: &'static str,
    key: Arc<Key>,
    value: f64,
}

impl Measurement {
    /// Hands it to the hook.
    pub fn deliver(self, py: Python<'_>) -> PyResult<()> {
        let hook = lock(&HOOK).as_ref().map(|hook| hook.clone_ref(py));
        let Some(hook) = hook else { return Ok(()) };
        let attributes = PyDict::new(py);
        for label in self.key.labels() {
            attributes.set_item(label.key(), label.value())?;
        }
        hook.call1(py, (self.kind, self.key.name(), self.value, attributes)).map(drop)
    }
}

thread_local! {
    /// What gauges show now: they are also changed by differences. A child of a fork has another thread, and begins at zero.
    static GAUGES: RefCell<HashMap<Key, Arc<Instrument>>> = RefCell::default();
}

/// Queues measurements.
struct Measurements;

struct Instrument {
    key: Arc<Key>,
    /// The bits of a gauge's value.
    value: AtomicU64,
}

impl Instrument {
    fn of(key: &Key) -> Arc<Self> {
        Arc::new(Self { key: Arc::new(key.clone()), value: AtomicU64::new(0) })
    }

    fn send(&self, kind: &'static str, value: f64) {
        send(Report::Metric(Measurement { kind, key: self.key.clone(), value }));
    }

    #[expect(clippy::cast_precision_loss, reason = "measurements are f64: exact up to 2^53")]
    fn send_count(&self, count: u64) {
        self.send("counter", count as f64);
    }

    fn change_gauge(&self, change: impl Fn(f64) -> f64) {
        let next = |bits| Some(change(f64::from_bits(bits)).to_bits());
        if let Ok(before) = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            let value = change(f64::from_bits(before));
            self.send("gauge", value);
        }
    }
}

impl CounterFn for Instrument {
    fn increment(&self, value: u64) {
        self.send_count(value);
    }

    fn absolute(&self, value: u64) {
        self.send_count(value);
    }
}

impl GaugeFn for Instrument {
    fn increment(&self, value: f64) {
        self.change_gauge(|now| now + value);
    }

    fn decrement(&self, value: f64) {
        self.change_gauge(|now| now - value);
    }

    fn set(&self, value: f64) {
        self.change_gauge(|_| value);
    }
}

impl HistogramFn for Instrument {
    fn record(&self, value: f64) {
        self.send("histogram", value);
    }
}

impl Recorder for Measurements {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(Instrument::of(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Gauge {
        let gauge =
            GAUGES.with_borrow_mut(|gauges| gauges.entry(key.clone()).or_insert_with(|| Instrument::of(key)).clone());
        Gauge::from_arc(gauge)
    }

    fn register_histogram(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Histogram {
        Histogram::from_arc(Instrument::of(key))
    }
}
