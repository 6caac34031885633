//! How an answer gets from the thread of the runtime to the event loop that awaits it: through a queue, and one byte through a
//! pair of sockets, one end of which the event loop watches.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::mem::take;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyWeakrefReference;

use crate::process::OfProcess;
use crate::reports::{self, Outbox};

/// The end that the runtime holds.
pub struct Waker {
    answered: Mutex<Vec<u64>>,
    socket: UnixStream,
}

impl Waker {
    /// Wakes the event loop for a call.
    pub fn answer(&self, call: u64) {
        let mut answered = lock(&self.answered);
        answered.push(call);
        if answered.len() == 1 {
            self.wake();
        }
    }

    /// A full socket has woken the loop already, and a closed one has no loop any more.
    pub fn wake(&self) {
        _ = (&self.socket).write(&[0]);
    }
}

/// The end of an event loop. The loop calls it when there are answers.
#[pyclass(frozen, weakref, module = "clip_saver_db._native")]
pub struct Bridge {
    event_loop: Py<PyWeakrefReference>,
    ends: OfProcess<(Arc<Waker>, UnixStream)>,
    waiting: Mutex<Waiting>,
}

/// The futures of calls without an answer.
#[derive(Default)]
struct Waiting {
    last: u64,
    futures: HashMap<u64, Py<PyAny>>,
}

#[pymethods]
impl Bridge {
    /// Wakes those whose calls have an answer.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some((waker, socket)) = self.ends.get() else { return Ok(()) };
        drain(socket)?;
        let answered = take(&mut *lock(&waker.answered));
        for call in answered {
            let future = self.waiting().futures.remove(&call);
            if let Some(future) = future.map(|future| future.into_bound(py))
                && !future.call_method0(intern!(py, "done"))?.is_truthy()?
            {
                future.call_method1(intern!(py, "set_result"), (py.None(),))?;
            }
        }
        reports::deliver(py);
        Ok(())
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

    /// The dictionary holds no loop alive: a bridge has only a weak reference to its loop.
    fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        static LAST: Mutex<Option<Py<Bridge>>> = Mutex::new(None);
        static ALL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = event_loop.py();
        let last = lock(&LAST).as_ref().map(|bridge| bridge.clone_ref(py).into_bound(py));
        if let Some(bridge) = last.filter(|bridge| bridge.get().is_of(event_loop)) {
            return Ok(bridge);
        }
        let all = ALL
            .get_or_try_init(py, || py.import("weakref")?.getattr("WeakKeyDictionary")?.call0().map(Bound::unbind))?
            .bind(py);
        let known = all.call_method1("get", (event_loop,))?.cast_into::<Self>().ok();
        let bridge = if let Some(bridge) = known.filter(|bridge| bridge.get().is_of(event_loop)) {
            bridge
        } else {
            let bridge = Self::to(event_loop)?;
            all.set_item(event_loop, &bridge)?;
            bridge
        };
        *lock(&LAST) = Some(bridge.clone().unbind());
        Ok(bridge)
    }

    fn to<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let (socket, waker) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let descriptor = socket.as_raw_fd();
        let waker = Arc::new(Waker { answered: Mutex::default(), socket: waker });
        Outbox::of_process().wake_by(&waker);
        let bridge = Bound::new(
            py,
            Self {
                event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
                ends: OfProcess::new((waker, socket)),
                waiting: Mutex::default(),
            },
        )?;
        event_loop.call_method1("add_reader", (descriptor, &bridge))?;
        Ok(bridge)
    }

    /// Whether it leads to this event loop, in this process.
    fn is_of(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        self.ends.get().is_some() && self.event_loop.bind(event_loop.py()).upgrade().is_some_and(|of| of.is(event_loop))
    }

    /// A future of the event loop, and the call's number. It is done when the call has its answer.
    pub fn wait<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<(u64, Bound<'py, PyAny>)> {
        let future = event_loop.call_method0(intern!(event_loop.py(), "create_future"))?;
        let mut waiting = self.waiting();
        waiting.last += 1;
        let call = waiting.last;
        waiting.futures.insert(call, future.clone().unbind());
        Ok((call, future))
    }

    /// Nobody awaits the call any more.
    pub fn forget(&self, call: u64) {
        let future = self.waiting().futures.remove(&call);
        drop(future);
    }

    /// `None` in a child of the process that made it.
    pub fn waker(&self) -> Option<&Arc<Waker>> {
        self.ends.get().map(|(waker, _)| waker)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

/// Reads the bytes that have woken the loop.
fn drain(mut socket: &UnixStream) -> PyResult<()> {
    let mut bytes = [0; 64];
    loop {
        match socket.read(&mut bytes) {
            Ok(read) if read == bytes.len() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
