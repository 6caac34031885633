//! The pool: sessions, and how calls run on them. It knows no query and no migration.

#[macro_use]
mod generic_client;

pub(crate) mod attempt;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod db;
pub(crate) mod health;
mod listener;
pub(crate) mod observe;
pub(crate) mod pooler;
pub(crate) mod transaction;

mod backend_pid;
mod clock;
mod connect;
mod driver;
mod epoch;
pub(crate) mod pins;
mod server_check;
mod session;
mod session_pool;
pub(crate) mod sessions;
mod sharing;
mod stream;
mod target_session;
