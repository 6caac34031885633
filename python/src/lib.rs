//! The native part of the Python package `clip_saver_db`: the calls of the Rust crate, as awaitables of asyncio.
//!
//! A call is read from Python and its answer is turned into Python objects on the thread of the event loop that awaits it. In
//! between it runs on one thread of Tokio, which never touches Python: it may go on while the interpreter ends.

#[cfg_attr(not(target_os = "linux"), path = "affinity_elsewhere.rs")]
mod affinity;
mod answers;
mod arguments;
mod bridge;
mod call;
mod client;
mod datetimes;
mod errors;
mod functions;
mod json;
mod lease;
mod pages;
mod process;
mod reports;
mod runtime;
mod waiter;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// Also after a panic of the thread that held it: each change of what these mutexes hold is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymodule(gil_used = true)] // its locks rely on it
mod _native {
    #[pymodule_export]
    use super::bridge::Bridge;
    #[pymodule_export]
    use super::call::Call;
    #[cfg(debug_assertions)]
    #[pymodule_export]
    use super::call::panics::{panic_in_the_conversion, panic_on_the_runtime};
    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::lease::{ScanLease, ScanWakeups, ScanWorker};
    #[pymodule_export]
    use super::pages::{covered_after, covered_before};
    #[pymodule_export]
    use super::reports::{report_metrics, set_log_level};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::functions::add_to(module)
    }
}
