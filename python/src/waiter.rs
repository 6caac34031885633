//! What a task waits on: as asyncio's own futures, but who waits is resumed at once, not in the loop's next turn. That saves a
//! future, a handle, a turn of the loop and its system call: 15,000 instructions.

use std::mem::take;
use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use crate::lock;

/// A future as `asyncio.Task` needs it. Its result is `None`.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct Waiter {
    event_loop: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What asyncio's `_asyncio_future_blocking` says: a task awaits it, and did not take notice yet.
    is_blocking: bool,
    outcome: Option<Outcome>,
    callbacks: Vec<Callback>,
}

enum Outcome {
    Done,
    Canceled { message: Option<Py<PyAny>> },
}

/// A function, and the context that it runs in.
struct Callback {
    function: Py<PyAny>,
    context: Py<PyAny>,
}

impl Callback {
    fn schedule(self, waiter: &Bound<'_, Waiter>) -> PyResult<()> {
        let py = waiter.py();
        let options = PyDict::new(py);
        options.set_item(intern!(py, "context"), self.context)?;
        let event_loop = waiter.get().event_loop.bind(py);
        event_loop.call_method(intern!(py, "call_soon"), (self.function, waiter), Some(&options)).map(drop)
    }
}

#[pymethods]
impl Waiter {
    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.state().is_blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, is_blocking: bool) {
        self.state().is_blocking = is_blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(this: &Bound<'_, Self>, function: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = this.py();
        let context = match context {
            Some(context) => context,
            None => COPY_CONTEXT.import(py, "contextvars", "copy_context")?.call0()?.unbind(),
        };
        let callback = Callback { function, context };
        let mut state = this.get().state();
        if state.outcome.is_none() {
            state.callbacks.push(callback);
            return Ok(());
        }
        drop(state);
        callback.schedule(this)
    }

    fn remove_done_callback(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let (mut kept, mut removed) = (Vec::new(), 0);
        let callbacks = take(&mut self.state().callbacks);
        for callback in callbacks {
            if callback.function.bind(py).eq(function)? { removed += 1 } else { kept.push(callback) }
        }
        self.state().callbacks.extend(kept);
        Ok(removed)
    }

    /// Whether it had no outcome before.
    #[pyo3(signature = (msg=None))]
    fn cancel(this: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let Some(callbacks) = this.get().end(Outcome::Canceled { message: msg }) else { return Ok(false) };
        for callback in callbacks {
            callback.schedule(this)?;
        }
        Ok(true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.state().outcome, Some(Outcome::Canceled { .. }))
    }

    fn done(&self) -> bool {
        self.state().outcome.is_some()
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &self.state().outcome {
            Some(Outcome::Done) => Ok(()),
            Some(Outcome::Canceled { message: Some(message) }) => {
                Err(CancelledError::new_err((message.clone_ref(py),)))
            }
            Some(Outcome::Canceled { message: None }) => Err(CancelledError::new_err(())),
            None => Err(InvalidStateError::new_err("Result is not set.")),
        }
    }

    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        for Callback { function, context } in &state.callbacks {
            visit.call(function)?;
            visit.call(context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let callbacks = take(&mut self.state().callbacks);
        drop(callbacks);
    }
}

impl Waiter {
    /// On which a task is about to wait.
    pub fn new(event_loop: &Bound<'_, PyAny>) -> Self {
        let state = State { is_blocking: true, ..State::default() };
        Self { event_loop: event_loop.clone().unbind(), state: Mutex::new(state) }
    }

    /// Resumes who waits, on the thread of its event loop, as the loop does it.
    pub fn finish(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let mut outcome = Ok(());
        for Callback { function, context } in this.get().end(Outcome::Done).unwrap_or_default() {
            let ran = context.bind(py).call_method1(intern!(py, "run"), (function, this));
            outcome = outcome.and(ran.map(drop));
        }
        outcome
    }

    /// Its callbacks; `None` if it has ended before.
    fn end(&self, outcome: Outcome) -> Option<Vec<Callback>> {
        let mut state = self.state();
        if state.outcome.is_some() {
            return None;
        }
        state.outcome = Some(outcome);
        Some(take(&mut state.callbacks))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
