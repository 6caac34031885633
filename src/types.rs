//! The interface's plain values: ids, rows to read, snapshots to write, settings. Nothing here uses the network.

pub(crate) mod clips;
pub(crate) mod ids;
pub(crate) mod models;
pub(crate) mod pages;
pub(crate) mod scans;
pub(crate) mod settings;
pub(crate) mod snapshots;
pub(crate) mod unreadable;
