//! How an answer gets from the thread of the runtime to the event loop that awaits it: through a queue, and one byte through a
//! pair of sockets, one end of which the event loop watches.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::mem::take;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};

use crate::lock;
use crate::process::OfProcess;
use crate::reports::{self, Outbox};
use crate::waiter::Waiter;

/// Wakes an event loop. It has both ends of the pair, so that a write never finds the other one closed.
pub struct Waker {
    answered: Mutex<Vec<u64>>,
    writer: UnixStream,
    reader: UnixStream,
}

impl Waker {
    fn new() -> std::io::Result<Self> {
        let (writer, reader) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        reader.set_nonblocking(true)?;
        Ok(Self { answered: Mutex::default(), writer, reader })
    }

    /// Wakes the event loop for a call.
    pub fn answer(&self, call: u64) {
        let is_first = {
            let mut answered = lock(&self.answered);
            answered.push(call);
            answered.len() == 1
        };
        if is_first {
            self.wake(); // unlocked: on the core that both share, the loop would run into the lock
        }
    }

    /// If the socket is full, the loop is woken already.
    pub fn wake(&self) {
        _ = (&self.writer).write(&[0]);
    }

    /// The calls that were answered since the last time. First reads the bytes that have woken the loop: one that comes later
    /// wakes it again.
    fn answered(&self) -> std::io::Result<Vec<u64>> {
        drain(&self.reader)?;
        Ok(take(&mut *lock(&self.answered)))
    }
}

/// The way to an event loop, which owns it. The loop calls it when there are answers.
#[pyclass(frozen, module = "clip_saver_db._native")]
pub struct Bridge {
    waker: OfProcess<Arc<Waker>>,
    waiting: Mutex<Waiting>,
}

/// The waiters of the calls that have no answer yet.
#[derive(Default)]
struct Waiting {
    last: u64,
    waiters: HashMap<u64, Py<Waiter>>,
}

#[pymethods]
impl Bridge {
    /// Wakes those whose calls have an answer. An interrupt meanwhile (`KeyboardInterrupt`) keeps none of them waiting.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(waker) = self.waker.get() else { return Ok(()) };
        let answered = waker.answered()?;
        let mut outcome = reports::deliver(py); // what a call logged comes before its answer
        for call in answered {
            outcome = outcome.and(self.finish(py, call));
        }
        outcome
    }

    /// An event loop that is closed, or dropped, before its calls have an answer is a cycle: it owns this bridge.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting
            .try_lock()
            .map_or(Ok(()), |waiting| waiting.waiters.values().try_for_each(|waiter| visit.call(waiter)))
    }

    fn __clear__(&self) {
        let waiters = take(&mut self.waiting().waiters);
        drop(waiters);
    }
}

impl Bridge {
    /// The event loop that runs on this thread, and the bridge to it.
    pub fn to_running_loop(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Bound<'_, Self>)> {
        static GET_RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let event_loop = GET_RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        let bridge = Self::of(&event_loop)?;
        Ok((event_loop, bridge))
    }

    /// The bridge to an event loop, which belongs to this process.
    fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let attribute = intern!(event_loop.py(), "_clip_saver_db_bridge");
        let known = event_loop.getattr_opt(attribute)?.and_then(|bridge| bridge.cast_into::<Self>().ok());
        if let Some(bridge) = known.filter(|bridge| bridge.get().waker().is_some()) {
            return Ok(bridge);
        }
        let bridge = Self::to(event_loop)?;
        event_loop.setattr(attribute, &bridge)?;
        Ok(bridge)
    }

    fn to<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let waker = Arc::new(Waker::new()?);
        let reader = waker.reader.as_raw_fd();
        Outbox::of_process().wake_by(&waker);
        let bridge = Bound::new(event_loop.py(), Self { waker: OfProcess::new(waker), waiting: Mutex::default() })?;
        // In a context of its own: handlers of logs and metrics must not see that of the first call for ever.
        let context = event_loop.py().import("contextvars")?.call_method0("Context")?;
        context.call_method1("run", (event_loop.getattr("add_reader")?, reader, &bridge))?;
        Ok(bridge)
    }

    /// What a task of the event loop waits on until the call has its answer, and the call's number.
    pub fn wait(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<(u64, Py<Waiter>)> {
        let waiter = Bound::new(event_loop.py(), Waiter::new(event_loop))?;
        let mut waiting = self.waiting();
        waiting.last += 1;
        let call = waiting.last;
        waiting.waiters.insert(call, waiter.clone().unbind());
        Ok((call, waiter.unbind()))
    }

    /// Nobody awaits the call any more. Returns whether it was still without an answer.
    pub fn forget(&self, call: u64) -> bool {
        let waiter = self.waiting().waiters.remove(&call);
        waiter.is_some()
    }

    fn finish(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        let waiter = self.waiting().waiters.remove(&call);
        waiter.map_or(Ok(()), |waiter| Waiter::finish(waiter.bind(py)))
    }

    /// `None` in a child of the process that made it.
    pub fn waker(&self) -> Option<&Arc<Waker>> {
        self.waker.get()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

fn drain(mut socket: &UnixStream) -> std::io::Result<()> {
    let mut bytes = [0; 64];
    loop {
        match socket.read(&mut bytes) {
            Ok(read) if read == bytes.len() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
