//! Faults under load: real servers are killed, frozen, promoted, filled up and cut off while 32 tasks write. Every test
//! reports its figures in one line. `./dev soak` runs the same tests with more faults.

mod cut;
#[cfg(target_os = "linux")]
mod disk_full;
mod fairness;
mod killed;
mod ledger;
mod load;
mod pooled;
mod promoted;
mod proxy;
mod read_only;
mod rig;
#[cfg(unix)]
mod scan_bot;
#[cfg(unix)]
mod scan_source;
#[cfg(unix)]
mod scan_worker;
#[cfg(unix)]
mod scans;
#[path = "../it/support/server.rs"]
mod server;
mod stalled;
mod terminated;
