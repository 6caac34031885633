//! What breaks programs that run while it is applied: the last release still uses what is changed, or has to wait for a
//! lock. A comment `-- safe: REASON` says why not: directly above a statement for that one, above the first for all.

use std::collections::BTreeSet;

use super::Finding;
use super::sql::{Script, Token, after, contains, name, outline, skip};

/// Names of tables and types that the file has created so far: nobody uses them yet.
type Created = BTreeSet<String>;

pub fn findings(script: &Script) -> Vec<Finding> {
    let first = script.statements.first().map_or(0, |statement| statement[0].line);
    if script.comments.range(..first).any(|(_, comment)| gives_reason(comment)) {
        return Vec::new();
    }
    let (mut findings, mut created) = (Vec::new(), Created::new());
    for statement in script.statements.iter().map(|statement| outline(statement)) {
        if !is_safe(script, &statement) {
            findings.extend(breaks(&statement, &created));
        }
        created.extend(creates(&statement));
    }
    findings
}

/// If one of the comment lines directly above gives a reason.
fn is_safe(script: &Script, statement: &[Token]) -> bool {
    let line = statement.first().map_or(0, |token| token.line);
    (1..line).rev().map_while(|above| script.comments.get(&above)).any(|comment| gives_reason(comment))
}

fn gives_reason(comment: &str) -> bool {
    comment.strip_prefix("-- safe: ").is_some_and(|reason| !reason.trim().is_empty())
}

/// The table or type that the statement creates.
fn creates(statement: &[Token]) -> Option<String> {
    let options = ["global", "local", "temporary", "temp", "unlogged"];
    let rest = skip(after(statement, "create")?, &options);
    let kinds = ["table", "type", "view", "materialized view", "schema"];
    let created = kinds.iter().find_map(|kind| after(rest, kind))?;
    Some(name(skip(created, &["if not exists"]))?.0.to_owned())
}

const INDEX: &str = "a plain index lets no write to the table through while it is built; use `create index \
                     concurrently`, alone in a file whose first line is `-- non-transactional`";
const DROPPED: &str =
    "the last release still uses what is dropped here; stop using it in one release, drop it in the next";
const EMPTIED: &str = "every row goes, also those that the last release still uses; name the rows in a `where`";
const RENAMED: &str = "the last release still uses the old name; add the new one beside it, use it in one release, drop the \
                       old one in the next";
const RETYPED: &str = "the table is rewritten while nobody can read it, and the last release still expects the old type; \
                       add a column, write both, read the new one in one release, drop the old one in the next";
const REQUIRED: &str = "without a default this fails if there are rows, and the last release does not write the column; \
                        give it a default, or add it nullable and fill it";
const NOT_NULL: &str = "every row is read while nobody can use the table, and the last release may still write null; fill \
                        it, add `check (… is not null) not valid`, `validate` it in a later file, then `set not null`";
const UNCHECKED: &str = "every row is checked while writes wait; add the constraint `not valid`, and `validate constraint` \
                         in a later file";
const UNIQUE: &str = "its index is built while nobody can use the table; build a `create unique index concurrently` in an \
                      earlier file, then `add constraint … using index`";

fn breaks(statement: &[Token], created: &Created) -> Vec<Finding> {
    let mut findings = alterations(statement, created);
    let whole = [indexed(statement, created), dropped(statement, created), emptied(statement, created)];
    findings.extend(whole.into_iter().flatten().map(|message| finding(statement, message)));
    findings
}

fn finding(tokens: &[Token], message: &str) -> Finding {
    Finding::at(tokens, format!("{message}; or say why it is safe in a comment above, `-- safe: REASON`"))
}

fn indexed(statement: &[Token], created: &Created) -> Option<&'static str> {
    let index = after(skip(after(statement, "create")?, &["unique"]), "index")?;
    let on = index.iter().position(|token| token.is("on"))?;
    let (table, _) = name(skip(&index[on + 1..], &["only"]))?;
    (after(index, "concurrently").is_none() && !created.contains(table)).then_some(INDEX)
}

/// Dropping of what the file itself created is nobody's business, an auxiliary table for example.
fn dropped(statement: &[Token], created: &Created) -> Option<&'static str> {
    let rest = after(statement, "drop")?;
    let kinds = ["table", "type", "view", "materialized view", "schema"];
    let names = kinds.iter().find_map(|kind| after(rest, kind))?;
    any_in_use(skip(names, &["if exists"]), created).then_some(DROPPED)
}

fn emptied(statement: &[Token], created: &Created) -> Option<&'static str> {
    if let Some(names) = after(statement, "truncate") {
        return any_in_use(skip(names, &["table", "only"]), created).then_some(EMPTIED);
    }
    let tables = skip(after(statement, "delete from")?, &["only"]);
    (any_in_use(tables, created) && !contains(tables, "where")).then_some(EMPTIED)
}

fn any_in_use(names: &[Token], created: &Created) -> bool {
    let mut each = names.split(|token| token.is(","));
    each.any(|one| name(one).is_some_and(|(table, _)| !created.contains(table)))
}

/// What an `alter table` or another `alter` does that breaks.
fn alterations(statement: &[Token], created: &Created) -> Vec<Finding> {
    let kinds = ["alter table", "alter type", "alter view", "alter materialized view", "alter schema"];
    let altered = kinds.iter().find_map(|kind| after(statement, kind));
    let named = altered.and_then(|rest| name(skip(rest, &["if exists", "only"])));
    let Some((_, rest)) = named.filter(|(table, _)| !created.contains(*table)) else {
        return Vec::new();
    };
    let is_table = after(statement, "alter table").is_some();
    let actions = skip(rest, &["*"]).split(|token| token.is(","));
    let broken = |action| messages(action, is_table).into_iter().map(move |message| finding(action, message));
    actions.flat_map(broken).collect()
}

fn messages(action: &[Token], is_table: bool) -> Vec<&'static str> {
    let renames = ["rename", "set schema"].iter().any(|words| after(action, words).is_some());
    if renames && after(action, "rename constraint").is_none() {
        return vec![RENAMED];
    }
    if !is_table {
        return Vec::new();
    }
    if let Some(added) = after(action, "add") {
        return constraint(added).unwrap_or_else(|| column(added));
    }
    drops_column(action).or_else(|| alters_column(action)).into_iter().collect()
}

fn drops_column(action: &[Token]) -> Option<&'static str> {
    let dropped = after(action, "drop")?;
    after(dropped, "constraint").is_none().then_some(DROPPED)
}

fn alters_column(action: &[Token]) -> Option<&'static str> {
    let (_, change) = name(skip(after(action, "alter")?, &["column"]))?;
    let is = |words| after(change, words).is_some();
    if is("type") || is("set data type") { Some(RETYPED) } else { is("set not null").then_some(NOT_NULL) }
}

/// Of a constraint of the table; none if it is no constraint but a column that is added.
fn constraint(added: &[Token]) -> Option<Vec<&'static str>> {
    let rest = after(added, "constraint").and_then(name).map_or(added, |(_, rest)| rest);
    let is = |kinds: &[&str]| kinds.iter().any(|kind| after(rest, kind).is_some());
    if is(&["foreign key", "check", "not null"]) {
        return Some(if contains(rest, "not valid") { vec![] } else { vec![UNCHECKED] });
    }
    let builds = is(&["unique", "primary key", "exclude"]);
    builds.then(|| if contains(rest, "using index") { vec![] } else { vec![UNIQUE] })
}

/// Of a column that is added. `PostgreSQL` checks its foreign key only if there is a default.
fn column(added: &[Token]) -> Vec<&'static str> {
    let definition = name(skip(added, &["column", "if not exists"])).map_or(added, |(_, definition)| definition);
    let has = |words| contains(definition, words);
    let is_filled = ["default", "generated", "serial", "bigserial", "smallserial"].into_iter().any(has);
    let problems = [
        ((has("not null") || has("primary key")) && !is_filled, REQUIRED),
        (has("unique") || has("primary key"), UNIQUE),
        (has("check") || (has("references") && is_filled), UNCHECKED),
    ];
    problems.into_iter().filter_map(|(is_there, message)| is_there.then_some(message)).collect()
}
