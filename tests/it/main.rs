//! One test binary: a folder an area. The server is real, and each test has a database of its own.

mod calls;
mod channels;
#[cfg(feature = "cli")]
mod cli;
mod guilds;
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
