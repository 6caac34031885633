//! What a fork leaves alone.

use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// A process, as the number of forks that led to it: to ask the system for its id would be a system call, ten of them a call.
#[derive(PartialEq, Eq)]
struct Process(u32);

static FORKS: AtomicU32 = AtomicU32::new(0);

impl Process {
    fn current() -> Self {
        static COUNTS: Once = Once::new();
        COUNTS.call_once(count_forks);
        Self(FORKS.load(Ordering::Relaxed))
    }
}

#[expect(unsafe_code, reason = "a function of the C library")]
fn count_forks() {
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the function only changes an atomic number.
    let error = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    assert_eq!(error, 0, "no memory to note a function for forks");
}

/// A value of the process that made it. After a fork the child can neither use nor drop its copy: a thread that the child does
/// not have may have held its locks, or was just changing it.
pub struct OfProcess<T> {
    process: Process,
    value: ManuallyDrop<T>,
}

impl<T> OfProcess<T> {
    pub fn new(value: T) -> Self {
        Self { process: Process::current(), value: ManuallyDrop::new(value) }
    }

    /// `None` in another process than the one that made it.
    pub fn get(&self) -> Option<&T> {
        self.is_here().then_some(&*self.value)
    }

    /// As [`get`](Self::get).
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if self.is_here() { Some(&mut *self.value) } else { None }
    }

    fn is_here(&self) -> bool {
        self.process == Process::current()
    }
}

impl<T> Drop for OfProcess<T> {
    #[expect(unsafe_code, reason = "a value that is dropped only sometimes")]
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: this is the only place that drops it, and nothing uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}
