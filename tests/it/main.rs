//! One test binary: a file an aggregate, and one for each thing that is not an aggregate. The server is real, and each
//! test has a database of its own.

mod config;
mod connecting;
mod guilds;
mod migrations;
mod support;
mod tls;
mod transactions;
