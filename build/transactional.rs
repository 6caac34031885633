//! What does not go with the transaction that refinery applies a migration in, together with its row in the history.

use super::Finding;
use super::sql::{Kind, Script, Token, after, contains, name, skip};

/// The first line of a file that is applied outside of a transaction.
const MARK: &str = "-- non-transactional";

/// `sql` is what `script` was read from.
pub fn findings(sql: &str, script: &Script) -> Vec<Finding> {
    // As src/migrate/apply.rs sees it.
    let marked = sql.lines().next() == Some(MARK);
    let mut findings: Vec<_> = script.statements.iter().filter_map(|statement| ends_transaction(statement)).collect();
    findings.extend(if marked { alone(script) } else { misplaced(script) });
    findings.extend(values_used_too_early(script));
    findings
}

const ENDS: [&str; 7] = ["begin", "start transaction", "commit", "end", "rollback", "abort", "prepare transaction"];

fn ends_transaction(statement: &[Token]) -> Option<Finding> {
    let words = ENDS.iter().find(|words| after(statement, words).is_some())?;
    let message = format!(
        "`{words}` breaks the transaction that applies this file and records it: what stands before would stay after a \
         failure; remove it"
    );
    Some(Finding::at(statement, message))
}

const OUTSIDE: [&str; 10] = [
    "create index concurrently",
    "create unique index concurrently",
    "drop index concurrently",
    "vacuum",
    "create database",
    "drop database",
    "create tablespace",
    "drop tablespace",
    "alter system",
    "alter database",
];

/// If PostgreSQL refuses the statement in a transaction (25001): which words say so.
fn outside(statement: &[Token]) -> Option<&'static str> {
    let concurrently = contains(statement, "concurrently");
    let many = ["schema", "database", "system"].iter().any(|whole| contains(statement, whole));
    match OUTSIDE.iter().find(|words| after(statement, words).is_some()) {
        Some(words) if *words != "alter database" || contains(statement, "set tablespace") => Some(words),
        _ if after(statement, "reindex").is_some() && concurrently => Some("reindex concurrently"),
        _ if after(statement, "reindex").is_some() && many => Some("reindex"),
        _ if contains(statement, "detach partition") && concurrently => Some("detach partition … concurrently"),
        _ => None,
    }
}

fn misplaced(script: &Script) -> Vec<Finding> {
    let finding = |statement: &Vec<Token>| {
        let message = format!(
            "`{}` cannot run in a transaction; put it alone into a file of its own whose first line is `{MARK}`",
            outside(statement)?
        );
        Some(Finding::at(statement, message))
    };
    script.statements.iter().filter_map(finding).collect()
}

/// A file without a transaction holds one statement, which is one that needs it.
fn alone(script: &Script) -> Vec<Finding> {
    let needless = script.statements.iter().filter(|statement| outside(statement).is_none()).map(|statement| {
        Finding::at(
            statement,
            "this statement can run in a transaction; move it to a file without the first line `-- non-transactional`",
        )
    });
    let second = script.statements.get(1).map(|statement| {
        Finding::at(statement, "a second statement: if it failed, the first would stay, unrecorded; a `-- non-transactional` file holds one, put the others into files of their own")
    });
    let none = script.statements.is_empty().then(|| Finding {
        line: 1,
        message: "a `-- non-transactional` file without a statement; write one or remove the file".to_owned(),
    });
    needless.chain(second).chain(none).collect()
}

/// Uses of an enum's value in the file that adds it (55P04).
fn values_used_too_early(script: &Script) -> Vec<Finding> {
    let statements = script.statements.iter().enumerate();
    let added = statements.filter_map(|(index, statement)| Some((index, added_value(statement)?)));
    let uses = added.flat_map(|(index, value)| {
        script.statements[index + 1..].iter().filter_map(move |statement| {
            let token = statement.iter().find(|token| uses_value(statement, token, value))?;
            let message = format!(
                "'{value}' cannot be used in the transaction that adds it to its type (55P04); move this statement to a \
                 later file"
            );
            Some(Finding { line: token.line, message })
        })
    });
    uses.collect()
}

fn added_value(statement: &[Token]) -> Option<&str> {
    let (_, rest) = name(after(statement, "alter type")?)?;
    let value = skip(after(rest, "add value")?, &["if not exists"]).first()?;
    Some(&value.text)
}

/// As a text of its own, or in a body that PostgreSQL runs or parses now (`PL/pgSQL` it reads at the first call).
fn uses_value(statement: &[Token], token: &Token, value: &str) -> bool {
    let read_now = after(statement, "do").is_some() || contains(statement, "language sql");
    match token.kind {
        Kind::Text => token.text == value,
        Kind::Body => read_now && token.text.contains(&format!("'{value}'")),
        _ => false,
    }
}
