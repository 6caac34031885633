//! The migrations that are embedded in this program.

use refinery::{Migration, Runner, Target};
use tokio_postgres::Client;

use super::errors::failed;
use super::plan::Plan;
use crate::error::Error;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The first line of a file that cannot run in a transaction.
const NON_TRANSACTIONAL: &str = "-- non-transactional";

/// refinery's runner: it applies the files and keeps the history.
pub(super) fn runner() -> Runner {
    embedded::migrations::runner()
}

/// Lets refinery apply or record files.
pub(super) async fn run(client: &mut Client, target: Target) -> Result<(), Error> {
    runner().set_target(target).run_async(client).await.map(drop).map_err(failed)
}

/// The files, sorted by version.
pub(super) fn files() -> Vec<Migration> {
    let mut files = runner().get_migrations().clone();
    files.sort_by_key(Migration::version);
    files
}

/// The pending files of a plan: the name and the SQL of each.
#[must_use]
pub fn pending_sql(plan: &Plan) -> Vec<(String, String)> {
    let named = |file: Migration| (file.to_string(), file.sql().unwrap_or_default().to_owned());
    pending(plan).into_iter().map(named).collect()
}

/// The pending files of a plan, sorted by version.
pub(super) fn pending(plan: &Plan) -> Vec<Migration> {
    let versions: Vec<i32> = plan.pending().map(|file| file.version).collect();
    files().into_iter().filter(|file| versions.contains(&file.version())).collect()
}

/// Whether a file is marked to run outside a transaction.
pub(super) fn is_non_transactional(sql: &str) -> bool {
    sql.lines().next() == Some(NON_TRANSACTIONAL)
}

/// The statement of a non-transactional file.
pub(super) fn without_comment_lines(sql: &str) -> String {
    let lines: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    lines.join("\n")
}

/// An index that is built concurrently.
pub(super) struct ConcurrentIndex {
    pub(super) name: String,
    pub(super) table: String,
}

/// The index that a `create [unique] index concurrently [if not exists] name on table …` makes.
pub(super) fn concurrent_index(sql: &str) -> Option<ConcurrentIndex> {
    let statement = without_comment_lines(sql).to_lowercase().replace('(', " (");
    let words: Vec<&str> = statement.split_whitespace().filter(|word| *word != "unique").collect();
    match words[..] {
        ["create", "index", "concurrently", "if", "not", "exists", name, "on", table, ..]
        | ["create", "index", "concurrently", name, "on", table, ..] => {
            Some(ConcurrentIndex { name: name.to_owned(), table: table.to_owned() })
        }
        _ => None,
    }
}
