//! Scan runs: what each of their functions promises.

pub mod scan_runs;
pub mod scan_runs_progress;
pub mod scan_runs_recorded;
pub mod scan_runs_states;
