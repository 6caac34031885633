//! The one runtime of a process: a thread that sends the calls and reads their answers.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle};

use crate::affinity::{Affinity, Cores};
use crate::lock;
use crate::process::OfProcess;
use crate::reports::Outbox;

/// It is only locked by threads that are attached to the interpreter, and so never during a fork.
static RUNTIME: Mutex<Option<OfProcess<Runtime>>> = Mutex::new(None);

struct Runtime {
    handle: Handle,
    affinity: Affinity,
    /// Each call that runs has a clone.
    running: Running,
}

/// What a call holds while it runs.
pub type Running = Arc<()>;

/// The runtime of this process, for a call of this thread. A child of a fork gets its own.
pub fn for_call() -> PyResult<(Handle, Running)> {
    let mut runtime = runtime();
    if runtime.as_ref().and_then(OfProcess::get).is_none() {
        let new = start().map_err(|error| PyRuntimeError::new_err(format!("no thread for the database: {error}")))?;
        *runtime = Some(OfProcess::new(new));
    }
    let runtime =
        runtime.as_mut().and_then(OfProcess::get_mut).expect("a runtime of this process: it was just started");
    if Arc::strong_count(&runtime.running) == 1 {
        runtime.affinity.follow_caller();
    } else {
        runtime.affinity.release();
    }
    Ok((runtime.handle.clone(), runtime.running.clone()))
}

fn runtime() -> MutexGuard<'static, Option<OfProcess<Runtime>>> {
    lock(&RUNTIME)
}

/// The thread runs until the process ends. Nothing waits for it: it holds nothing that a process must give back.
fn start() -> std::io::Result<Runtime> {
    let cores = Cores::of_this_thread();
    // Its own threads look names up. They would begin on the core of the thread that starts them, and stay there.
    let runtime = Builder::new_current_thread().enable_all().on_thread_start(move || cores.use_them()).build()?;
    let handle = runtime.handle().clone();
    let outbox = Outbox::of_process();
    let (send, affinity) = mpsc::sync_channel(1);
    thread::Builder::new().name("clip-saver-db".into()).spawn(move || {
        _ = send.send(Affinity::of_this_thread());
        outbox.send_from_this_thread();
        runtime.block_on(pending::<()>());
    })?;
    let affinity = affinity.recv().map_err(std::io::Error::other)?;
    Ok(Runtime { handle, affinity, running: Arc::default() })
}

/// Runs work in the background. Without a runtime it is only dropped: then there is no connection either. The runtime's own
/// thread does not lock the static: a fork may come meanwhile.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let handle = Handle::try_current()
        .ok()
        .or_else(|| runtime().as_ref().and_then(OfProcess::get).map(|runtime| runtime.handle.clone()));
    if let Some(handle) = handle {
        handle.spawn(work);
    }
}

/// A value of the crate that Python holds. It is dropped on the runtime: there a lease hands its run back, and a connection ends
/// what runs on it.
pub struct OfRuntime<T: Send + 'static>(Option<OfProcess<T>>);

impl<T: Send + 'static> OfRuntime<T> {
    pub fn new(value: T) -> Self {
        Self(Some(OfProcess::new(value)))
    }

    /// `None` in another process than the one that made it.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().and_then(OfProcess::get)
    }
}

impl<T: Send + 'static> Drop for OfRuntime<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        spawn(async move { drop(value) });
    }
}
