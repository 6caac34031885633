//! What the crate logs and measures, on its way to `logging` and to a hook for metrics. The thread of the runtime only queues it:
//! an event loop hands it to Python.

mod logs;
mod measurements;

use std::cell::RefCell;
use std::mem::take;
use std::sync::{Arc, Mutex, Weak};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pub use self::logs::{set_log_level, warn_of_row};
pub use self::measurements::report_metrics;
use crate::bridge::Waker;
use crate::lock;
use crate::process::OfProcess;

/// More are dropped until an event loop has taken some: a program may block its loop.
const MOST_WAITING: usize = 10_000;

enum Report {
    Log(logs::Record),
    Metric(measurements::Measurement),
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
            Report::Log(record) => record.deliver(py),
            Report::Metric(measurement) => measurement.deliver(py),
        };
        match delivered {
            Err(error) if error.is_instance_of::<PyException>(py) => error.write_unraisable(py, None),
            delivered => outcome = outcome.and(delivered),
        }
    }
    outcome
}
