//! Scan runs: what each of their functions promises.

mod coverage;
mod live;
mod pages;
pub mod record_scan_progress;
pub mod scan_runs;
pub mod scan_runs_states;
pub mod shared;
pub mod update_scan_progress;
