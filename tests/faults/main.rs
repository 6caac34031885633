//! Faults under load: real servers are killed, frozen, promoted, filled up and cut off while 32 tasks write. Every test
//! says in one line what it has seen. `./dev soak` runs the same with more faults.

mod cut;
#[cfg(target_os = "linux")]
mod disk_full;
mod fairness;
mod killed;
mod ledger;
mod load;
mod promoted;
mod proxy;
mod read_only;
mod rig;
#[path = "../it/support/server.rs"]
mod server;
mod stalled;
mod terminated;
