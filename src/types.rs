//! Plain values of the interface: ids, rows that are read, snapshots that are written, settings. Nothing here connects.

pub(crate) mod ids;
pub(crate) mod models;
pub(crate) mod settings;
pub(crate) mod snapshots;
