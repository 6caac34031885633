//! What a fork leaves alone.

use std::mem::ManuallyDrop;

/// A value of the process that made it. After a fork the child can neither use nor drop its copy: a thread that the child does
/// not have may have held its locks, or was just changing it.
pub struct OfProcess<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> OfProcess<T> {
    pub fn new(value: T) -> Self {
        Self { process: std::process::id(), value: ManuallyDrop::new(value) }
    }

    /// `None` in another process than the one that made it.
    pub fn get(&self) -> Option<&T> {
        self.is_here().then_some(&*self.value)
    }

    fn is_here(&self) -> bool {
        self.process == std::process::id()
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
