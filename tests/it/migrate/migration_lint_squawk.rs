//! `./dev lint`: runs squawk with `.squawk.toml` on the migrations that are not released yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::migrate::build_script::{copy_folder, target_folder};
use crate::migrate::migration_lint::folder;
use crate::migrate::migration_lint_released::{git, release};

/// A folder with the files that the lint needs, and these migrations.
fn package(name: &str, files: &[(String, String)]) -> PathBuf {
    let (source, root) = (Path::new(env!("CARGO_MANIFEST_DIR")), folder(name));
    copy_folder(&source.join("build"), &root.join("build"));
    for file in ["dev", ".squawk.toml"] {
        fs::copy(source.join(file), root.join(file)).unwrap();
    }
    for (name, sql) in files {
        fs::write(root.join("migrations").join(name), sql).unwrap();
    }
    git(&root, &["init", "--quiet"]);
    root
}

/// Whether it passes, and what it prints, without colours.
fn lint(root: &Path) -> (bool, String) {
    let output = Command::new(root.join("dev")).arg("lint").env("CARGO_TARGET_DIR", target_folder()).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let plain = printed.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect();
    (output.status.success(), plain)
}

/// Statements, and the rule that refuses each of them.
const DANGEROUS: [(&str, &str); 34] = [
    ("alter table t add column a text not null", "adding-required-field"),
    ("alter table t add column a uuid default gen_random_uuid()", "adding-field-with-default"),
    ("alter table t add column a int references u default 1", "adding-foreign-key-constraint"),
    ("alter table t add column a text unique", "disallowed-unique-constraint"),
    ("alter table t alter column a type text", "changing-column-type"),
    ("alter table t alter column a set not null", "adding-not-nullable-field"),
    ("alter table t alter column a drop default", "ban-drop-default"),
    ("alter table t add foreign key (a) references u (b)", "adding-foreign-key-constraint"),
    ("alter table t add check (a > 0)", "constraint-missing-not-valid"),
    ("alter table t add exclude using gist (a with &&)", "constraint-missing-not-valid"),
    ("alter table t add primary key (a)", "adding-serial-primary-key-field"),
    ("alter table t add constraint c unique (a)", "disallowed-unique-constraint"),
    ("alter table t drop column a", "ban-drop-column"),
    ("alter table t rename to u", "renaming-table"),
    ("alter table t rename a to b", "renaming-column"),
    ("alter table t set schema s", "ban-set-schema"),
    ("alter table t disable trigger g", "ban-disable-trigger"),
    ("alter table t enable row level security", "ban-alter-row-level-security"),
    ("alter type e rename value 'a' to 'b'", "renaming-object"),
    ("alter view v rename to w", "renaming-object"),
    ("alter schema s rename to r", "renaming-object"),
    ("create index i on t (a)", "require-concurrent-index-creation"),
    ("drop index i", "require-concurrent-index-deletion"),
    ("reindex table t", "require-concurrent-reindex"),
    ("drop table t", "ban-drop-table"),
    ("drop type e", "ban-drop-type"),
    ("drop view v", "ban-drop-view"),
    ("drop schema s cascade", "ban-drop-schema"),
    ("drop function f()", "ban-drop-function"),
    ("drop trigger g on t", "ban-drop-trigger"),
    ("truncate t cascade", "ban-truncate-cascade"),
    ("revoke select on t from public", "ban-revoke"),
    ("create or replace function f() returns trigger language plpgsql as ''", "ban-replace-view-function"),
    ("commit", "transaction-nesting"),
];

/// A file for each statement.
fn dangerous(before: &str) -> Vec<(String, String)> {
    let files = DANGEROUS.iter().zip(10..);
    files.map(|((statement, _), version)| (format!("V{version}__x.sql"), format!("{before}{statement};\n"))).collect()
}

#[test]
fn the_migrations_of_this_crate_pass_the_lint() {
    let (passes, printed) = lint(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(passes, "{printed}");
}

#[test]
fn a_change_that_blocks_or_breaks_running_programs_is_reported_with_its_line() {
    let root = package("lint_dangerous", &dangerous("select 1;\n\n"));

    let (passes, printed) = lint(&root);

    assert!(!passes && printed.contains("-- squawk-ignore RULE"), "{printed}");
    let findings: Vec<_> = printed.split("\nwarning").collect();
    for ((statement, rule), version) in DANGEROUS.iter().zip(10..) {
        let place = format!("migrations/V{version}__x.sql:3:");
        let found = findings.iter().any(|finding| finding.contains(&place) && finding.contains(rule));
        assert!(found, "no {rule} for {statement}: {printed}");
    }
}

#[test]
fn a_rule_that_a_comment_above_the_statement_names_is_ignored_for_the_statement() {
    let files = [
        ("V10__a.sql", "-- Nobody uses it.\n-- squawk-ignore ban-drop-table\ndrop table t;\n"),
        ("V11__b.sql", "-- squawk-ignore ban-drop-column\ndrop table t;\n"),
    ];
    let root = package("lint_ignored", &files.map(|(name, sql)| (name.to_owned(), sql.to_owned())));

    let (passes, printed) = lint(&root);

    assert!(!passes && !printed.contains("V10__a.sql") && printed.contains("V11__b.sql:2:"), "{printed}");
}

#[test]
fn changes_that_break_nothing_pass_the_lint() {
    let sql = "create table x (a bigint primary key, b text not null references u);\ncreate index i on x (b);\n\
               alter table t add column a text;\nalter table t add column b bigint not null default 0;\n\
               alter table t add constraint c check (a > '') not valid;\nalter table t validate constraint d;\n\
               update t set a = '' where b = 1;\ncomment on table t is 'drop table t'; -- drop table t;\n";
    let files = [("V10__a.sql", sql), ("V11__b.sql", "-- non-transactional\ncreate index concurrently i on t (a);\n")];
    let root = package("lint_harmless", &files.map(|(name, sql)| (name.to_owned(), sql.to_owned())));

    let (passes, printed) = lint(&root);

    assert!(passes, "{printed}");
}

#[test]
fn the_lint_does_not_check_released_migrations_again() {
    let root = package("lint_of_released", &dangerous(""));
    release(&root, "v1.0.0", &[]);
    assert_eq!(lint(&root), (true, String::new()));

    fs::write(root.join("migrations/V90__x.sql"), "drop table t;\n").unwrap();
    let (passes, printed) = lint(&root);

    assert!(!passes && printed.contains("V90__x.sql:1:") && printed.contains("in 1 file"), "{printed}");
}
