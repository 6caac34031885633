//! Brings the schema up to date. Bot and worker both do so when they start, at any time and on any database:
//! [`Db::migrate`](crate::Db::migrate) is this module's [`apply`] without a report.
//!
//! refinery embeds the files, applies them and keeps the history. It has no lock and cannot adopt a database. This module
//! adds that: [`plan`] compares the history with the files, without a lock; [`apply`] lets one program at a time apply the
//! pending files, and names the sessions that hold it back; [`adopt`] records a database that the Python programs made.

mod adopt;
mod apply;
mod catalogue;
mod errors;
mod files;
mod lock;
mod non_transactional;
mod obstacles;
mod origin;
mod place;
mod plan;
mod progress;
mod route;
mod session;
mod sessions;
mod start;
mod waits;

pub use adopt::adopt;
pub use apply::{apply, apply_ending_idle};
pub use catalogue::{Difference, drift};
pub use files::pending_sql;
pub use obstacles::obstacles;
pub use origin::Origin;
pub use plan::{File, Plan, State, plan};
pub use progress::{Applied, Progress, Waiting};
pub use sessions::{BlockingSession, open_transactions};
pub use start::init_db;
