//! Rules of queries/ and of the functions made of them that no compiler checks. Each check is also given a sample that
//! it must refuse.

use std::fs;
use std::path::Path;

use crate::project::style_rust::lex;

/// The files in a folder, its folders included, that end so: path from the root and text, in order.
pub fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), folder, ending, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} holds files that end in {ending}");
    found
}

fn collect(root: &Path, folder: &str, ending: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root.join(folder)).expect("the folder is there") {
        let entry = entry.expect("the folder can be listed");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(root, &path, ending, found);
        } else if path.ends_with(ending) {
            found.push((path, fs::read_to_string(entry.path()).expect("the file is text")));
        }
    }
}

/// What each file is blamed for.
pub fn blamed(files: &[(String, String)], check: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(|(path, text)| check(text).into_iter().map(move |what| format!("{path}: {what}"))).collect()
}

/// The last part of a path, without its ending.
fn stem(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).expect("the path names a file")
}

pub const NONE: [String; 0] = [];

struct Query {
    name: String,
    is_commented: bool,
    sql: String,
}

fn queries(text: &str) -> Vec<Query> {
    let mut queries: Vec<Query> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("--!") {
            let name = title.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            queries.push(Query { name: name.to_owned(), is_commented: false, sql: String::new() });
        } else if let Some(query) = queries.last_mut() {
            match line.strip_prefix("---") {
                Some(comment) => query.is_commented |= !comment.trim().is_empty(),
                None => query.sql.extend([line.split("--").next().unwrap_or_default().to_lowercase().as_str(), " "]),
            }
        }
    }
    queries
}

fn without_comment(sql: &str) -> Vec<String> {
    queries(sql).into_iter().filter(|query| !query.is_commented).map(|query| query.name).collect()
}

#[test]
fn every_query_has_a_comment() {
    assert_eq!(blamed(&files("queries", ".sql"), without_comment), NONE);

    let sample = "--! good\n--- Why.\nselect 1;\n--! bad : Row\n-- Not this.\nselect 1;\n--! empty\n---\nselect 1;";
    assert_eq!(without_comment(sample), ["bad", "empty"]);
}

/// PostgreSQL 18's statistics cut off what comes before the first word.
fn nameless(sql: &str) -> Vec<String> {
    let is_named = |query: &Query| {
        let behind_first_word = query.sql.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
        behind_first_word.starts_with(&format!("/* {} */ ", query.name))
    };
    queries(sql).into_iter().filter(|query| !is_named(query)).map(|query| query.name).collect()
}

#[test]
fn every_query_tells_the_server_its_name_behind_its_first_word() {
    assert_eq!(blamed(&files("queries", ".sql"), nameless), NONE);

    let sample =
        "--! good\n-- Why.\nselect /* good */\n  1;\n--! none\nselect 1;\n--! early\n/* early */ select 1;\n--! other\n
                  select /* another */ 1;\n--! late\nselect 1 /* late */;\n--! longer\nselect /* longer_than */ 1;";
    assert_eq!(nameless(sample), ["none", "early", "other", "late", "longer"]);
}

/// Rows are read by position: a new column would shift them.
fn selecting_everything(sql: &str) -> Vec<String> {
    let everything = |query: &Query| {
        let sql = query.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        ["select *", "select distinct *", "select all *", "returning *", ", *", ".*"]
            .iter()
            .any(|all| sql.contains(all))
    };
    queries(sql).into_iter().filter(everything).map(|query| query.name).collect()
}

#[test]
fn no_query_selects_everything() {
    assert_eq!(blamed(&files("queries", ".sql"), selecting_everything), NONE);

    let sample = "--! good\nselect count(*), a * b from t; -- not select *\n--! a\nSELECT\n  * from t;\n--! b\nselect t.* from t;
                  --! c\ndelete from t returning *;\n--! d\nselect a, * from t;";
    assert_eq!(selecting_everything(sample), ["a", "b", "c", "d"]);
}

/// cornucopia sends a statement that returns no rows as text, to be planned again at each call.
fn without_rows(generated: &str) -> Vec<String> {
    let dense: String = generated.split_whitespace().collect();
    dense.match_indices("client.execute(").map(|(at, _)| dense[at..].chars().take(60).collect()).collect()
}

#[test]
fn every_statement_returns_rows() {
    assert_eq!(blamed(&files("codegen", ".rs"), without_rows), NONE);

    assert_eq!(without_rows("client\n    .execute(self.0, &[a])\n    .await"), ["client.execute(self.0,&[a]).await"]);
}

/// The functions that callers get from a file of src/repositories/.
pub fn functions(rust: &str) -> Vec<String> {
    let (code, _) = lex(rust);
    code.split("pub async fn ")
        .skip(1)
        .map(|rest| rest.split(['(', '<']).next().unwrap_or_default().to_owned())
        .collect()
}

/// Functions that run the query of another: a batch of one user, and a guild's channels without the guild.
const WITHOUT_A_QUERY: [&str; 2] = ["upsert_user", "upsert_channels_for_guild"];

/// Queries without a function of their name, and functions without a query.
fn unpaired(sql: &str, rust: &str) -> Vec<String> {
    let (functions, queries) = (functions(rust), queries(sql));
    let is_query = |function: &&String| queries.iter().any(|query| query.name == **function);
    let lonely_queries = queries.iter().filter(|query| !functions.contains(&query.name)).map(|query| &query.name);
    let lonely_functions =
        functions.iter().filter(|function| !is_query(function) && !WITHOUT_A_QUERY.contains(&function.as_str()));
    lonely_queries.chain(lonely_functions).cloned().collect()
}

/// What the aggregates share: in src/repositories/, and the second one's query in queries/.
const SHARED: [&str; 2] = ["mod", "parts"];

/// The names and texts of the aggregates in src/repositories/.
pub fn aggregates() -> Vec<(String, String)> {
    let sources = files("src/repositories", ".rs").into_iter().map(|(path, text)| (stem(&path).to_owned(), text));
    sources.filter(|(name, _)| !SHARED.contains(&name.as_str())).collect()
}

#[test]
fn every_query_has_the_name_of_its_function_and_every_file_that_of_its_aggregate() {
    let mut sql = files("queries", ".sql");
    sql.retain(|(path, _)| !SHARED.contains(&stem(path)));
    let aggregates = aggregates();

    let names: Vec<_> = sql.iter().map(|(path, _)| stem(path)).collect();
    assert_eq!(names, aggregates.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for ((path, sql), (_, rust)) in sql.iter().zip(&aggregates) {
        assert_eq!(unpaired(sql, rust), NONE, "{path}");
    }

    let rust = "pub async fn both(\npub async fn function<T>(pub async fn upsert_user(// pub async fn comment(\nasync fn private(";
    assert_eq!(unpaired("--! both\n--! query : Row()", rust), ["query", "function"]);
}

/// The functions of the Python module `repositories`.
const CONTRACT: &str = "
    upsert_guild upsert_guilds delete_guilds touch_guild
    get_guild_settings ensure_guild_settings update_guild_settings set_guild_settings
    upsert_channels_for_guild get_channels_by_guild set_channel_reading update_channel_cursor update_channel_progress
    touch_channel_activity increment_channel_message_count update_channel_settings set_channel_settings delete_channels
    enqueue_scan_run mark_scan_started update_scan_progress mark_scan_succeeded mark_scan_failed mark_scan_canceled
    purge_expired_install_intents";

#[test]
fn each_of_the_25_functions_of_the_contract_is_there() {
    let there: Vec<_> = aggregates().iter().flat_map(|(_, rust)| functions(rust)).collect();
    let promised: Vec<_> = CONTRACT.split_whitespace().collect();

    assert_eq!(promised.len(), 25);
    assert_eq!(
        promised.into_iter().filter(|name| !there.iter().any(|there| there == name)).collect::<Vec<_>>(),
        [""; 0]
    );
}
