//! One test binary with a folder for each area. The server is real, and each test has its own database.

mod calls;
mod channels;
#[cfg(feature = "cli")]
mod cli;
mod clips;
mod guilds;
mod leases;
mod migrate;
mod model;
mod plans;
mod pool;
mod project;
mod properties;
mod scans;
mod support;
mod types;
mod users;
