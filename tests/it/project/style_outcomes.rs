//! A function's documentation and its code agree on whether it may be repeated.

use crate::project::style::{NONE, aggregates, blamed};

/// The functions of a file: their names, their documentation and their code.
fn documented(rust: &str) -> Vec<(&str, &str, &str)> {
    let parts: Vec<&str> = rust.split("pub async fn ").collect();
    parts.windows(2).map(|pair| documented_function(pair[0], pair[1])).collect()
}

fn documented_function<'a>(before: &'a str, from_name: &'a str) -> (&'a str, &'a str, &'a str) {
    let documentation = before.rfind("\n\n").map_or(before, |end| &before[end..]);
    let name = from_name.split(['(', '<']).next().unwrap_or_default();
    (name, documentation, from_name.split("\n}").next().unwrap_or_default())
}

fn said(documentation: &str) -> &'static str {
    match documentation {
        text if text.contains("/// Idempotent.\n") => "idempotent",
        text if text.contains("/// Not idempotent: ") => "once",
        _ => "a read",
    }
}

fn done(code: &str) -> &'static str {
    match code {
        code if code.contains("idempotent!(") => "idempotent",
        code if code.contains("once!(") || code.contains("parts::write(client, &Delete") => "once",
        code if code.contains("parts::write(") => "idempotent",
        _ => "a read",
    }
}

fn contradicting(rust: &str) -> Vec<String> {
    let functions = documented(rust).into_iter();
    let differing = functions.filter(|(_, documentation, code)| said(documentation) != done(code));
    differing
        .map(|(name, documentation, code)| format!("{name}: {}, but {}", said(documentation), done(code)))
        .collect()
}

#[test]
fn the_documentation_says_which_writes_are_idempotent() {
    let all = aggregates();
    assert!(all.iter().map(|(_, rust)| documented(rust).len()).sum::<usize>() > 35);
    assert_eq!(blamed(&all, contradicting), NONE);

    let sample = "\n\n/// Idempotent.\n///\npub async fn a(\n    idempotent!(x)\n}\n\n/// Not idempotent: why.\npub async fn b() {
    once!(x)\n}\n\n/// Idempotent.\npub async fn c() {\n    once!(x)\n}\n\n/// D.\npub async fn d() {\n    once!(x)\n}\n";
    assert_eq!(contradicting(sample), ["c: idempotent, but once", "d: a read, but once"]);
}
