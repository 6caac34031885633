//! What every call promises: on any client, in any transaction, and when it is dropped, joined or loses its connection.

pub mod clients;
pub mod dropped_calls;
pub mod isolation;
pub mod joined_calls;
pub mod limits;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod observability;
pub mod outcomes;
pub mod parts;
pub mod parts_atomic;
pub mod round_trips;
mod scan_metrics;
pub mod secrets;
pub mod transactions;
mod unreadable_lists;
mod write_cost;
