//! What the crate logs and measures, on its way to `logging` and to a hook for metrics. The thread of the runtime only queues it:
//! an event loop hands it to Python.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::mem::take;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Recorder, SharedString, Unit};
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::bridge::Waker;
use crate::lock;
use crate::process::OfProcess;

/// More are dropped until an event loop has taken some: a program may block its loop.
const MOST_WAITING: usize = 10_000;

enum Report {
    Log { level: Level, target: &'static str, message: String, fields: Vec<(&'static str, String)> },
    Metric { kind: &'static str, key: Arc<Key>, value: f64 },
}

/// The reports that wait for an event loop.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Vec<Report>>,
    /// Those of all event loops: one of them may be closed, or stand still.
    wakers: Mutex<Vec<Weak<Waker>>>,
}

thread_local! {
    /// Set on the thread of the runtime only: what the others do happens in Python's own calls.
    static SENDER: RefCell<Option<Arc<Outbox>>> = const { RefCell::new(None) };
    /// What gauges show now: they are also changed by differences. A child of a fork has another thread, and begins at zero.
    static GAUGES: RefCell<HashMap<Key, Arc<Measurement>>> = RefCell::default();
}

impl Outbox {
    /// The outbox of this process.
    pub fn of_process() -> Arc<Self> {
        static OUTBOX: Mutex<Option<OfProcess<Arc<Outbox>>>> = Mutex::new(None);
        let mut outbox = lock(&OUTBOX);
        if let Some(outbox) = outbox.as_ref().and_then(OfProcess::get) {
            return outbox.clone();
        }
        let new = Arc::<Self>::default();
        *outbox = Some(OfProcess::new(new.clone()));
        new
    }

    /// From now on this thread sends its reports here.
    pub fn send_from_this_thread(self: Arc<Self>) {
        SENDER.set(Some(self));
    }

    /// This event loop, too, is woken when a report waits.
    pub fn wake_by(&self, waker: &Arc<Waker>) {
        let mut wakers = lock(&self.wakers);
        wakers.retain(|waker| waker.strong_count() > 0);
        wakers.push(Arc::downgrade(waker));
    }

    fn send(&self, report: Report) {
        let is_first = {
            let mut waiting = lock(&self.waiting);
            if waiting.len() < MOST_WAITING {
                waiting.push(report);
            }
            waiting.len() == 1
        };
        if is_first {
            lock(&self.wakers).iter().filter_map(Weak::upgrade).for_each(|waker| waker.wake());
        }
    }
}

fn send(report: Report) {
    SENDER.with_borrow(|sender| {
        if let Some(outbox) = sender {
            outbox.send(report);
        }
    });
}

/// Hands the waiting reports to Python. An exception of a handler or of the hook does not reach the calls; an interrupt
/// (`KeyboardInterrupt`) reaches the event loop.
pub fn deliver(py: Python<'_>) -> PyResult<()> {
    let waiting = take(&mut *lock(&Outbox::of_process().waiting));
    let mut outcome = Ok(());
    for report in waiting {
        let delivered = match report {
            Report::Log { level, target, message, fields } => log(py, level, target, &message, &fields),
            Report::Metric { kind, key, value } => measure(py, kind, &key, value),
        };
        match delivered {
            Err(error) if error.is_instance_of::<PyException>(py) => error.write_unraisable(py, None),
            delivered => outcome = outcome.and(delivered),
        }
    }
    outcome
}

fn log(py: Python<'_>, level: Level, target: &str, message: &str, fields: &[(&str, String)]) -> PyResult<()> {
    static LOG: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let dict = PyDict::new(py);
    for (name, value) in fields {
        dict.set_item(name, value)?;
    }
    let logger = target.replace("::", ".");
    LOG.import(py, "clip_saver_db._reports", "log")?.call1((number(level), logger, message, dict)).map(drop)
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
    log(py, Level::WARN, "clip_saver_db", &message, &[])
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

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let Fields { message, fields } = fields;
        send(Report::Log { level: *metadata.level(), target: metadata.target(), message, fields });
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            _ = write!(self.message, "{value:?}"); // a String takes everything
        } else {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }
}

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

fn measure(py: Python<'_>, kind: &str, key: &Key, value: f64) -> PyResult<()> {
    let hook = lock(&HOOK).as_ref().map(|hook| hook.clone_ref(py));
    let Some(hook) = hook else { return Ok(()) };
    let attributes = PyDict::new(py);
    for label in key.labels() {
        attributes.set_item(label.key(), label.value())?;
    }
    hook.call1(py, (kind, key.name(), value, attributes)).map(drop)
}

/// Queues measurements.
struct Measurements;

struct Measurement {
    key: Arc<Key>,
    /// The bits of a gauge's value.
    value: AtomicU64,
}

impl Measurement {
    fn of(key: &Key) -> Arc<Self> {
        Arc::new(Self { key: Arc::new(key.clone()), value: AtomicU64::new(0) })
    }

    #[expect(clippy::cast_precision_loss, reason = "measurements are f64: exact up to 2^53")]
    fn send_count(&self, count: u64) {
        send(Report::Metric { kind: "counter", key: self.key.clone(), value: count as f64 });
    }

    fn change_gauge(&self, change: impl Fn(f64) -> f64) {
        let next = |bits| Some(change(f64::from_bits(bits)).to_bits());
        if let Ok(before) = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            let value = change(f64::from_bits(before));
            send(Report::Metric { kind: "gauge", key: self.key.clone(), value });
        }
    }
}

impl CounterFn for Measurement {
    fn increment(&self, value: u64) {
        self.send_count(value);
    }

    fn absolute(&self, value: u64) {
        self.send_count(value);
    }
}

impl GaugeFn for Measurement {
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

impl HistogramFn for Measurement {
    fn record(&self, value: f64) {
        send(Report::Metric { kind: "histogram", key: self.key.clone(), value });
    }
}

impl Recorder for Measurements {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(Measurement::of(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Gauge {
        let gauge =
            GAUGES.with_borrow_mut(|gauges| gauges.entry(key.clone()).or_insert_with(|| Measurement::of(key)).clone());
        Gauge::from_arc(gauge)
    }

    fn register_histogram(&self, key: &Key, _metadata: &metrics::Metadata<'_>) -> Histogram {
        Histogram::from_arc(Measurement::of(key))
    }
}
