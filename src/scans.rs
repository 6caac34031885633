//! What keeps a worker on shared scans going: a guard that renews its claim, and a stream that wakes it when there is work.

pub(crate) mod lease;
pub(crate) mod wakeups;
