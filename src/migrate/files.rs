//! The migrations that are embedded in this program.

use refinery::{Migration, Runner};

use super::plan::Plan;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The first line of a file that cannot run in a transaction.
const NON_TRANSACTIONAL: &str = "-- non-transactional";

/// refinery's runner: it applies the files and keeps the history.
pub(super) fn runner() -> Runner {
    embedded::migrations::runner()
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

/// The name of the index that a `create [unique] index concurrently [if not exists] name on …` makes.
pub(super) fn concurrent_index(sql: &str) -> Option<String> {
    let statement = without_comment_lines(sql).to_lowercase();
    let words: Vec<&str> = statement.split_whitespace().filter(|word| *word != "unique").collect();
    match words[..] {
        ["create", "index", "concurrently", "if", "not", "exists", name, "on", ..]
        | ["create", "index", "concurrently", name, "on", ..] => Some(name.to_owned()),
        _ => None,
    }
}
