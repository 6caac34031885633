//! Connections: how they are configured, opened, shared and closed. Also poolers between the program and the server.

#[cfg(target_os = "linux")]
pub mod clock;
pub mod config;
pub mod connecting;
pub mod connection_strings;
pub mod hosts;
pub mod opening_ahead;
pub mod passwords;
pub mod pgbouncer;
pub mod pgbouncer_versions;
pub mod pins;
pub mod raw_connections;
pub mod renaming_pooler;
pub mod scarce_connections;
pub mod sessions;
pub mod sharing;
pub mod sharing_faults;
pub mod silence;
pub mod speaking_pooler;
pub mod stale_statements;
pub mod target_session;
pub mod tls;
pub mod variables;
