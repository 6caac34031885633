//! Rules of the code in src/ that no compiler checks. Each check is also given a sample that it must refuse.

use crate::project::style::{NONE, aggregates, blamed, files, functions};

/// Splits Rust into its code, where each literal is `""` and comments are gone, and the texts of its string literals.
pub fn lex(rust: &str) -> (String, Vec<String>) {
    let (mut code, mut literals) = (String::new(), Vec::new());
    let mut unread = rust;
    while let Some(next) = unread.chars().next() {
        let in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = unread.get(1..).unwrap_or_default().bytes().take_while(|byte| *byte == b'#').count();
        let mut length = next.len_utf8();
        if unread.starts_with("//") {
            length = unread.find('\n').unwrap_or(unread.len());
        } else if unread.starts_with("/*") {
            length = unread.find("*/").map_or(unread.len(), |end| end + 2);
        } else if next == 'r' && !in_word && unread[1 + hashes..].starts_with('"') {
            let (start, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
            let text = unread[start..].split(&end).next().unwrap_or_default();
            literals.push(text.to_owned());
            code.push_str("\"\"");
            length = start + text.len() + end.len();
        } else if next == '"' {
            let mut escaped = false;
            let closes = |c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            };
            let end = 1 + unread[1..].find(closes).expect("the string ends");
            literals.push(unread[1..end].to_owned());
            code.push_str("\"\"");
            length = end + 1;
        } else if unread.starts_with("'\\") {
            length = 4 + unread[3..].find('\'').expect("the character ends");
        } else if next == '\'' && unread.chars().nth(2) == Some('\'') {
            length = unread.chars().take(3).map(char::len_utf8).sum();
        } else {
            code.push(next);
        }
        unread = &unread[length..];
    }
    (code, literals)
}

#[test]
fn literals_and_comments_are_told_from_code() {
    let sample = r##"a('"', '\'', '\\', 'ä'); /* "b" */ c::<'d>("e\"f\\", r"g\", r#"h"i"#); // "j"
k"##;

    let (code, literals) = lex(sample);

    assert_eq!(literals, [r#"e\"f\\"#, r"g\", r#"h"i"#]);
    assert_eq!(code, "a(, , , );  c::<'d>(\"\", \"\", \"\"); \nk");
}

/// SQL in string literals. Prose may say "create the database", and a word alone is something to look for.
fn sql_in(rust: &str) -> Vec<String> {
    let is_sql = |literal: &String| {
        let text = literal.to_lowercase();
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let words: Vec<_> = words.collect();
        let pairs = || words.windows(2).map(|pair| (pair[0], pair[1]));
        match words[..] {
            [] => false,
            [word] => TRANSACTION_WORDS.contains(&word),
            ["select" | "explain" | "truncate", ..] => true,
            ["update", ..] if words.contains(&"set") => true,
            [first, ..] => TRANSACTION_WORDS.contains(&first) || pairs().any(is_of_a_statement),
        }
    };
    lex(rust).1.into_iter().filter(is_sql).collect()
}

fn is_of_a_statement(pair: (&str, &str)) -> bool {
    match pair {
        ("insert", "into") | ("delete", "from") | ("do" | "for", "update") | ("as", "select") => true,
        ("create" | "alter" | "drop", object) => OBJECTS.contains(&object),
        _ => false,
    }
}

const TRANSACTION_WORDS: [&str; 3] = ["begin", "commit", "rollback"];

/// What follows `create`, `alter` or `drop`.
const OBJECTS: [&str; 14] = [
    "table",
    "index",
    "unique",
    "type",
    "schema",
    "database",
    "extension",
    "function",
    "or",
    "trigger",
    "view",
    "sequence",
    "role",
    "temp",
];

/// The exceptions: where transactions begin and end (in `src/transaction.rs` also as names of functions).
const TRANSACTIONS: [&str; 8] = [
    "src/migrate/catalogue.rs: rollback",
    "src/pool/session.rs: begin",
    "src/pool/session.rs: commit",
    "src/pool/session.rs: rollback",
    "src/pool/transaction.rs: begin",
    "src/pool/transaction.rs: commit",
    "src/pool/transaction.rs: rollback",
    "src/pool/transaction.rs: select; commit",
];

#[test]
fn sql_stands_in_sql_files_alone() {
    let mut found = blamed(&files("src", ".rs"), sql_in);
    found.sort();
    found.dedup();
    assert_eq!(found, TRANSACTIONS);

    let bad = r#"f("SELECT 1"); f("update t set a = 1"); f(r"with a as (delete from b)"); f("
                 insert into t"); f("drop table t"); f("begin; f()")"#;
    assert_eq!(sql_in(bad).len(), 6, "{:?}", sql_in(bad));
    let good = r#"f("the update_channel was not selected", "drops", "create", "Create the database"); // "select 1""#;
    assert_eq!(sql_in(good), NONE);
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|there| there == word)
}

fn naming_codegen(rust: &str) -> Vec<String> {
    lex(rust).0.lines().filter(|line| has_word(line, "codegen")).map(ToOwned::to_owned).collect()
}

#[test]
fn the_repositories_and_the_crate_root_alone_name_the_generated_code() {
    let mut others = files("src", ".rs");
    others.retain(|(path, _)| !path.starts_with("src/repositories/") && path != "src/lib.rs");
    assert_eq!(blamed(&others, naming_codegen), NONE);

    assert_eq!(
        naming_codegen("use crate::codegen::a;\n// codegen\nf(\"codegen\", no_codegen)"),
        ["use crate::codegen::a;"]
    );
}

/// The other aggregates that this one names: by their modules, or by their functions.
fn imported(own: &str, rust: &str, all: &[(String, String)]) -> Vec<String> {
    let code = lex(rust).0;
    let imports: Vec<_> = code.split(';').filter(|item| item.trim_start().starts_with("use ")).collect();
    let names = |module: &str| {
        imports.iter().any(|import| has_word(import, module))
            || ["super", "repositories", "queries"].iter().any(|parent| code.contains(&format!("{parent}::{module}::")))
    };
    let is_imported = |(other, rust): &&(String, String)| {
        other != own && (names(other) || functions(rust).iter().any(|function| has_word(&code, function)))
    };
    all.iter().filter(is_imported).map(|(other, _)| other.clone()).collect()
}

#[test]
fn aggregates_do_not_import_each_other() {
    let all = aggregates();
    let found: Vec<_> = all
        .iter()
        .flat_map(|(own, rust)| imported(own, rust, &all).into_iter().map(move |other| (own.as_str(), other)))
        .collect();
    assert_eq!(found, []);

    for bad in
        ["use super::guilds::check;", "use crate::codegen::queries::guilds as g;", "super::get_guild(client, id)"]
    {
        assert_eq!(imported("users", bad, &all), ["guilds"], "{bad}");
    }
    assert_eq!(imported("users", "use super::{call, users}; // super::guilds::x\nget_user()", &all), NONE);
}
