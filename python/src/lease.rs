//! What keeps a worker on shared scans going.

use std::mem::replace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use tokio::sync::Mutex as AsyncMutex;

use crate::answers::Answer;
use crate::arguments::{self, Place};
use crate::call::Call;
use crate::errors::Failure;
use crate::lock;
use crate::runtime::OfRuntime;

/// A worker's name, and what it must remember of its claims.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct ScanWorker(Arc<clip_saver_db::ScanWorker>);

#[pymethods]
impl ScanWorker {
    #[new]
    fn new(name: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = arguments::text(Place::new("ScanWorker", "name"), name)?;
        Ok(Self(Arc::new(clip_saver_db::ScanWorker::new(name))))
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }
}

impl ScanWorker {
    pub fn worker(&self) -> Arc<clip_saver_db::ScanWorker> {
        self.0.clone()
    }
}

/// Renews a claim until it is ended, dropped or lost.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct ScanLease(OfRuntime<Mutex<Held>>);

enum Held {
    Lease(Box<clip_saver_db::ScanLease>),
    Ended { was_lost: bool },
}

/// A lease on its way to Python.
pub struct Lease(pub clip_saver_db::ScanLease);

impl Answer for Lease {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, ScanLease(OfRuntime::new(Mutex::new(Held::Lease(Box::new(self.0))))))?.into_any())
    }
}

#[pymethods]
impl ScanLease {
    #[getter]
    fn is_lost(&self) -> bool {
        let Some(held) = self.0.get() else { return true }; // a child of a fork does not hold it
        match &*lock(held) {
            Held::Lease(lease) => lease.is_lost(),
            Held::Ended { was_lost } => *was_lost,
        }
    }

    #[getter]
    fn is_cancel_requested(&self) -> bool {
        self.read(clip_saver_db::ScanLease::is_cancel_requested).unwrap_or(false)
    }

    fn lost(&self, py: Python<'_>) -> PyResult<Call> {
        self.wait(py, "lost", clip_saver_db::ScanLease::lost)
    }

    fn cancelled(&self, py: Python<'_>) -> PyResult<Call> {
        self.wait(py, "cancelled", clip_saver_db::ScanLease::cancelled)
    }

    fn complete(&self, py: Python<'_>) -> PyResult<Call> {
        let lease = self.take(py, "complete")?;
        Call::spawn(py, "complete", async move { Ok(lease.complete().await?) })
    }

    fn fail(&self, py: Python<'_>, reason: &Bound<'_, PyAny>, retry_at: &Bound<'_, PyAny>) -> PyResult<Call> {
        let reason = arguments::text(Place::new("fail", "reason"), reason)?;
        let retry_at = arguments::optional_time(Place::new("fail", "retry_at"), retry_at)?;
        let lease = self.take(py, "fail")?;
        Call::spawn(py, "fail", async move { Ok(lease.fail(&reason, retry_at).await?) })
    }

    fn release(&self, py: Python<'_>) -> PyResult<Call> {
        let lease = self.take(py, "release")?;
        Call::spawn(py, "release", async move { Ok(lease.release().await?) })
    }
}

impl ScanLease {
    /// `None` once the lease has ended, or in another process.
    fn read<T>(&self, read: impl FnOnce(&clip_saver_db::ScanLease) -> T) -> Option<T> {
        match &*lock(self.0.get()?) {
            Held::Lease(lease) => Some(read(lease)),
            Held::Ended { .. } => None,
        }
    }

    fn wait<F: Future<Output = ()> + Send + 'static>(
        &self,
        py: Python<'_>,
        function: &'static str,
        news: impl FnOnce(&clip_saver_db::ScanLease) -> F,
    ) -> PyResult<Call> {
        let news = self.read(news).ok_or_else(|| ended().into_exception(py, function))?;
        Call::spawn(py, function, news.map(Ok))
    }

    fn take(&self, py: Python<'_>, function: &'static str) -> PyResult<clip_saver_db::ScanLease> {
        let was_lost = self.is_lost();
        match self.0.get().map(|held| replace(&mut *lock(held), Held::Ended { was_lost })) {
            Some(Held::Lease(lease)) => Ok(*lease),
            Some(Held::Ended { .. }) | None => Err(ended().into_exception(py, function)),
        }
    }
}

fn ended() -> Failure {
    Failure::Interface("the lease has ended".to_owned())
}

/// Wakes a worker when there may be runs to claim.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct ScanWakeups(OfRuntime<Arc<Stream>>);

struct Stream {
    wakeups: AsyncMutex<clip_saver_db::ScanWakeups>,
    /// Whether there was a wake-up that Python has not taken: its task may be canceled meanwhile.
    is_waiting: AtomicBool,
}

/// A wake-up on its way to Python, unless the stream has ended.
struct Wakeup(Option<Arc<Stream>>);

impl Answer for Wakeup {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(stream) = &self.0 {
            stream.is_waiting.store(false, Ordering::Relaxed);
        }
        self.0.is_some().into_python(py)
    }
}

/// A stream of wake-ups on its way to Python.
pub struct Wakeups(pub clip_saver_db::ScanWakeups);

impl Answer for Wakeups {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stream = Stream { wakeups: AsyncMutex::new(self.0), is_waiting: AtomicBool::new(false) };
        Ok(Py::new(py, ScanWakeups(OfRuntime::new(Arc::new(stream))))?.into_any())
    }
}

#[pymethods]
impl ScanWakeups {
    /// Whether there was a wake-up; false once the database is closed.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        let stream = self.0.get().cloned().ok_or_else(|| {
            Failure::Interface("the wake-ups are another process's".to_owned()).into_exception(py, "scan_wakeups")
        })?;
        Call::spawn(py, "scan_wakeups", async move {
            let mut wakeups = stream.wakeups.lock().await;
            if !stream.is_waiting.load(Ordering::Relaxed) {
                let is_woken = wakeups.next().await.is_some();
                stream.is_waiting.store(is_woken, Ordering::Relaxed);
            }
            drop(wakeups);
            Ok(Wakeup(stream.is_waiting.load(Ordering::Relaxed).then_some(stream)))
        })
    }
}
