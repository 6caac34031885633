//! Rules for queries/ and src/ that no compiler or lint checks. Each check also gets a sample that it must refuse.

use std::fs;
use std::path::Path;

/// The functions of the Python module `repositories`: if one is missing, this does not compile.
#[expect(unused_imports, reason = "they must be there")]
use clip_saver_db::repositories::{
    delete_channels, delete_guilds, enqueue_scan_run, ensure_guild_settings, get_channels_by_guild, get_guild_settings,
    increment_channel_message_count, mark_scan_canceled, mark_scan_failed, mark_scan_started, mark_scan_succeeded,
    purge_expired_install_intents, set_channel_reading, set_channel_settings, set_guild_settings,
    touch_channel_activity, touch_guild, update_channel_cursor, update_channel_progress, update_channel_settings,
    update_guild_settings, update_scan_progress, upsert_channels_for_guild, upsert_guild, upsert_guilds,
};

use crate::project::style_columns::{Generated, generated};

/// The files in a folder and its subfolders with this ending: path from the root and text, in order.
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

/// The faults of each file.
pub fn blamed(files: &[(String, String)], check: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(|(path, text)| check(text).into_iter().map(move |what| format!("{path}: {what}"))).collect()
}

pub const NONE: [String; 0] = [];

/// The names and texts of the aggregates in src/repositories/.
pub fn aggregates() -> Vec<(String, String)> {
    let stem = |path: &str| path.trim_start_matches("src/repositories/").trim_end_matches(".rs").to_owned();
    let sources = files("src/repositories", ".rs").into_iter().map(|(path, text)| (stem(&path), text));
    sources.filter(|(name, _)| name != "mod" && name != "parts").collect()
}

/// The functions that callers get from a file of src/repositories/.
pub fn functions(rust: &str) -> Vec<String> {
    let heads = rust.lines().filter_map(|line| line.strip_prefix("pub async fn "));
    heads.filter_map(|head| head.split(['(', '<']).next().map(ToOwned::to_owned)).collect()
}

/// What is wrong with the queries of a file of codegen/queries/.
fn faults(rust: &str) -> Vec<String> {
    let of_query = |Generated { name, sql, is_commented, .. }: Generated| {
        // PostgreSQL 18's statistics cut off text before the first word.
        let is_named = sql.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(&format!("/* {name} */ ")));
        // Rows are read by position: a new column would shift them.
        let all = ["select *", "select distinct *", "select all *", "returning *", ", *", ".*"];
        let sql = sql.replace(&format!("/* {name} */ "), "").to_lowercase();
        let is_listed = !all.iter().any(|all| sql.contains(all));
        let rules = [(is_commented, "no comment"), (is_named, "no name behind the first word"), (is_listed, "a *")];
        rules.into_iter().filter(|(is_kept, _)| !is_kept).map(move |(_, fault)| format!("{name}: {fault}"))
    };
    // cornucopia sends a statement that returns no rows as text: the server would plan it again at each call.
    let texts = rust.split(".execute(").skip(1).filter(|call| call.trim_start().starts_with("self.0"));
    let as_text = texts.map(|_| "a statement that is sent as text".to_owned());
    generated(rust).into_iter().flat_map(of_query).chain(as_text).collect()
}

#[test]
fn each_query_has_a_comment_its_name_behind_its_first_word_named_columns_and_is_prepared() {
    assert_eq!(blamed(&files("codegen/queries", ".rs"), faults), NONE);

    let query = |name: &str, sql: &str| {
        let bind = "    pub fn bind<'c>() -> Query<'c, 'a, 's, C, Row, 0> {";
        format!("pub fn {name}() -> S {{\n S(\n\"{sql}\",\nNone)\n}}\n{bind}\n}}\n")
    };
    assert_eq!(faults(&format!("/// Why.\n{}", query("good", "select /* good */ count(*), a * b from t"))), NONE);
    assert_eq!(faults(&query("a", "SELECT /* a */ * from t")), ["a: no comment", "a: a *"]);
    for bad in ["/* a */ select 1", "select /* b */ 1", "select 1 /* a */ ", "select /* ab */ 1", "select 1"] {
        assert_eq!(faults(&format!("/// Why.\n{}", query("a", bad))), ["a: no name behind the first word"], "{bad}");
    }
    for bad in ["select /* a */ t.* from t", "delete /* a */ from t returning *", "select /* a */ b, * from t"] {
        assert_eq!(faults(&format!("/// Why.\n{}", query("a", bad))), ["a: a *"], "{bad}");
    }
    assert_eq!(faults("client\n  .execute(self.0, &[a])"), ["a statement that is sent as text"]);
}

/// Queries that are parts of a function: one for each filter, and statements that run before another.
fn is_part(query: &str) -> bool {
    let runs_first = ["create_scan_coverage", "claim_queued_scan_runs"].contains(&query);
    runs_first || query.starts_with("get_clips_of_") || query.starts_with("count_clips_of_")
}

/// Queries whose aggregate has no function of that name.
fn without_function(aggregate: &str, rust: &str) -> Vec<String> {
    let queries =
        files("codegen/queries", ".rs").into_iter().filter(|(path, _)| path.ends_with(&format!("/{aggregate}.rs")));
    let names = queries.flat_map(|(_, queries)| generated(&queries)).map(|query| query.name);
    names.filter(|name| !functions(rust).contains(name) && !is_part(name)).collect()
}

#[test]
fn every_query_has_the_name_of_its_function_and_its_file_that_of_the_aggregate() {
    for (aggregate, rust) in aggregates() {
        assert_eq!(without_function(&aggregate, &rust), NONE, "{aggregate}");
    }
    assert_eq!(aggregates().len(), files("queries", ".sql").len() - 1, "parts.sql is no aggregate's");

    assert_eq!(without_function("users", "pub async fn get_user(\n"), ["upsert_users"]);
}

/// How SQL in string literals begins. `begin`, `commit` and `rollback` alone are allowed.
const SQL: &str = "select |insert |update |delete |with |create |alter |drop |truncate |explain |begin;|begin ";

fn sql_in(rust: &str) -> Vec<String> {
    let code: Vec<_> = rust.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let literals = code.join("\n");
    let literals = literals.split('"').skip(1).map(str::trim_start);
    let is_sql = |text: &&str| SQL.split('|').any(|sql| text.starts_with(sql) || text.starts_with(&sql.to_uppercase()));
    literals.filter(is_sql).map(ToOwned::to_owned).collect()
}

#[test]
fn sql_stands_in_sql_files_alone() {
    assert_eq!(blamed(&files("src", ".rs"), sql_in), NONE);

    let bad = r#"f("SELECT 1"); f("update t set a = 1"); f(r"with a as (delete from b)"); f("
                 insert into t"); f("drop table t"); f("begin; f()")"#;
    assert_eq!(sql_in(bad).len(), 6, "{:?}", sql_in(bad));
    assert_eq!(sql_in("f(\"the selected rows\");\n    // f(\"select 1\")\n"), NONE);
}

#[test]
fn the_quick_reference_has_every_variable_of_the_readme() {
    let table = |text: &'static str| text.lines().filter(|line| line.starts_with("| `")).collect::<String>();
    let readme = table(include_str!("../../../README.md"));
    let reference = table(include_str!("../../../docs/QUICK_REFERENCE.md"));

    let variables = readme.split('`').filter(|word| word.starts_with("DB_") || word.starts_with("POSTGRES_"));
    let missing: Vec<&str> = variables.filter(|variable| !reference.contains(&format!("`{variable}`"))).collect();
    assert!(missing.is_empty(), "docs/QUICK_REFERENCE.md lacks {missing:?}");
}
