//! Brings the schema up to date. Bot and worker both do so when they start, at different moments, on whatever database
//! they meet: [`Db::migrate`](crate::Db::migrate) is this module's [`apply`] without a report.
//!
//! refinery embeds the files, applies them and keeps the history, but has no lock of its own and adopts nothing. So here:
//! [`plan`] compares the history with the files, without any lock; [`apply`] lets one program at a time do what is missing;
//! [`adopt`] records a database that the Python programs made.

mod adopt;
mod apply;
mod catalogue;
mod plan;
mod route;

pub use adopt::adopt;
pub use apply::{Applied, apply};
pub use catalogue::{Difference, drift};
pub use plan::{File, Plan, State, plan};

use refinery::Migration;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The files that this program carries, by version.
fn files() -> Vec<Migration> {
    let mut files = embedded::migrations::runner().get_migrations().clone();
    files.sort_by_key(Migration::version);
    files
}

/// The SQL of the files that a plan would apply, each under its name.
#[must_use]
pub fn pending_sql(plan: &Plan) -> Vec<(String, String)> {
    let pending: Vec<i32> = plan.pending().map(|file| file.version).collect();
    files()
        .into_iter()
        .filter(|file| pending.contains(&file.version()))
        .map(|file| (file.to_string(), file.sql().unwrap_or_default().to_owned()))
        .collect()
}
