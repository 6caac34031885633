//! A call that runs, as Python awaits it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use tokio::task::AbortHandle;

use crate::answers::Answer;
use crate::bridge::Bridge;
use crate::errors::{self, Failure};
use crate::lock;
use crate::process::OfProcess;
use crate::runtime;
use crate::waiter::Waiter;

/// Turns what the database answered into a Python object, or an exception.
type Conversion = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What `await` gets its result from. If nobody holds it any more, because the awaiting task was canceled, the call is
/// canceled on the server, too.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct Call {
    function: &'static str,
    bridge: Py<Bridge>,
    number: u64,
    /// Taken when it is awaited.
    waiter: Mutex<Option<Py<Waiter>>>,
    running: OfProcess<Running>,
}

struct Running {
    task: AbortHandle,
    answer: Arc<Mutex<Option<Conversion>>>,
}

#[pymethods]
impl Call {
    fn __await__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// First what the task waits on, as asyncio's own `Future.__await__` does, then the result.
    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Waiter>> {
        if let Some(waiter) = lock(&self.waiter).take() {
            return Ok(waiter);
        }
        let conversion = self.running.get().and_then(|running| lock(&running.answer).take());
        let convert = conversion.ok_or_else(|| PyRuntimeError::new_err("the call was awaited twice"))?;
        let converted = catch_unwind(AssertUnwindSafe(|| convert(py)));
        let answer =
            converted.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic).into_exception(py, self.function)))?;
        Err(PyStopIteration::new_err((answer,)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bridge)?;
        self.waiter.try_lock().map_or(Ok(()), |waiter| visit.call(&*waiter))
    }

    fn __clear__(&self) {
        let waiter = lock(&self.waiter).take();
        drop(waiter);
    }
}

impl Call {
    /// Runs a call on the runtime.
    pub fn spawn<A: Answer>(
        py: Python<'_>,
        function: &'static str,
        call: impl Future<Output = Result<A, Failure>> + Send + 'static,
    ) -> PyResult<Self> {
        let converted = call.map(move |result| {
            result.map(|answer| -> Conversion {
                Box::new(move |py| answer.into_python(py).map_err(|error| errors::in_function(py, error, function)))
            })
        });
        Self::spawn_boxed(py, function, Box::pin(converted))
    }

    /// Compiled once, not for each function: that would make the library a tenth larger.
    fn spawn_boxed(
        py: Python<'_>,
        function: &'static str,
        call: Pin<Box<dyn Future<Output = Result<Conversion, Failure>> + Send>>,
    ) -> PyResult<Self> {
        let (event_loop, bridge) = Bridge::to_running_loop(py)?;
        let waker =
            bridge.get().waker().ok_or_else(|| PyRuntimeError::new_err("the event loop is another process's"))?;
        let waker = waker.clone();
        let (runtime, running) = runtime::for_call()?;
        let (number, waiter) = bridge.get().wait(&event_loop)?;
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        let task = runtime.spawn(async move {
            let result = match AssertUnwindSafe(call).catch_unwind().await {
                Ok(result) => result,
                Err(panic) => Err(Failure::of_panic(&*panic)),
            };
            let conversion = result
                .unwrap_or_else(|failure| Box::new(move |py: Python<'_>| Err(failure.into_exception(py, function))));
            *lock(&slot) = Some(conversion);
            drop(running); // before the event loop makes its next call
            waker.answer(number);
        });
        let running = OfProcess::new(Running { task: task.abort_handle(), answer });
        Ok(Self { function, bridge: bridge.unbind(), number, waiter: Mutex::new(Some(waiter)), running })
    }
}

impl Drop for Call {
    /// An answer that nobody takes may own a connection, which the crate gives back on its runtime.
    fn drop(&mut self) {
        let Some(Running { task, answer }) = self.running.get() else { return };
        if self.bridge.get().forget(self.number) || lock(answer).is_some() {
            task.abort();
            let answer = answer.clone();
            runtime::spawn(async move { drop(lock(&answer).take()) });
        }
    }
}

/// Calls that panic, in builds for tests: nothing else shows what Python sees of a panic.
#[cfg(debug_assertions)]
pub mod panics {
    use pyo3::prelude::*;

    use super::{Answer, Call};

    struct Unconvertible;

    impl Answer for Unconvertible {
        fn into_python(self, _py: Python<'_>) -> PyResult<Py<PyAny>> {
            panic!("no answer")
        }
    }

    #[pyfunction]
    pub fn panic_on_the_runtime(py: Python<'_>) -> PyResult<Call> {
        Call::spawn::<()>(py, "panic", async { panic!("no call") })
    }

    #[pyfunction]
    pub fn panic_in_the_conversion(py: Python<'_>) -> PyResult<Call> {
        Call::spawn(py, "panic", async { Ok(Unconvertible) })
    }
}
