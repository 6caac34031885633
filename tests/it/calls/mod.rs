//! What every call promises: on any client, in any transaction, when it is dropped, cut off or joined.

pub mod clients;
pub mod dropped_calls;
pub mod joined;
pub mod limits;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod observed;
pub mod outcomes;
pub mod parts;
pub mod parts_atomic;
pub mod round_trips;
pub mod secrets;
pub mod transactions;
