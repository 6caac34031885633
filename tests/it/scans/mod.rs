//! Scan runs: what each of their functions promises.

mod cancels;
mod claims;
mod coverage;
mod deletions;
mod fairness;
mod fencing;
mod leases;
mod live;
mod pages;
mod purge;
pub mod record_scan_progress;
mod requests;
pub mod scan_runs;
pub mod scan_runs_states;
mod states;
mod takeovers;
pub mod update_scan_progress;
