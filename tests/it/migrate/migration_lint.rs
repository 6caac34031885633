//! The lint of migrations/ that every build with the generator runs, and how a build applies them to a scratch database.
//! For each rule: what it refuses, and similar files that it accepts.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../build/lint.rs"]
pub mod lint;
#[path = "../../../build/migrate.rs"]
mod migrate;

use crate::support::{TestDatabase, connect};

/// Creates an empty folder for a test.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("migrations")).unwrap();
    folder
}

/// `FILE:LINE: MESSAGE` for each finding.
fn lint(files: &[(&str, &[u8])]) -> Vec<String> {
    let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    let findings = lint::findings(&files);
    findings.into_iter().map(|(name, finding)| format!("{name}:{}: {}", finding.line, finding.message)).collect()
}

#[test]
fn the_migrations_of_this_crate_pass() {
    lint::check(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
}

#[test]
fn a_file_name_that_refinery_skips_or_fails_on_is_refused() {
    let names =
        "V3__foo-bar.sql V4_x.sql v5__x.sql V5__x.SQL V1.5__x.sql U1__x.sql V02__x.sql V0__x.sql V__x.sql V6__.sql
                 V6__Foo.sql V6__ä.sql V6__x.sql~ V6__x.rs V+6__x.sql README.md x.sql V99999999999__x.sql old/";
    for name in names.split_whitespace().chain(["V6__a b.sql"]) {
        let findings = lint(&[(name, b"")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with(&format!("{name}:1: ")), "{findings:#?}");
    }
    assert_eq!(lint(&[("V1__a.sql", b""), ("V20__b_2.sql", b""), ("V2147483647__c__d.sql", b"")]), [""; 0]);
}

#[test]
fn hidden_files_are_ignored_and_folders_are_refused() {
    let root = folder("lint_names");
    fs::create_dir_all(root.join("migrations/old")).unwrap();
    for name in [".DS_Store", ".V3__x.sql.swp", "V1__x.sql"] {
        fs::write(root.join("migrations").join(name), "").unwrap();
    }

    let findings = lint::check(&root).unwrap_err();

    assert!(findings.starts_with("migrations/old/:1: a folder") && findings.lines().count() == 1, "{findings}");
}

#[test]
fn two_files_with_the_same_version_are_refused() {
    let findings = lint(&[("V2__a.sql", b""), ("V2__b.sql", b""), ("V3__c.sql", b"")]);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].starts_with("V2__b.sql:1: V2__a.sql has version 2, too: "), "{findings:#?}");
    assert!(findings[0].ends_with("the version 4"), "{findings:#?}");

    let findings = lint(&[("V02__a.sql", b""), ("V2__b.sql", b"")]);
    assert!(findings[1].starts_with("V2__b.sql:1: V02__a.sql has version 2, too: "), "{findings:#?}");
}

#[test]
fn text_that_may_change_between_machines_is_refused() {
    for (content, expected) in [
        (&b"select 1;\nselect 2;\r\nselect 3;\r\n"[..], "V9__x.sql:2: a carriage return"),
        (b"\xef\xbb\xbfselect 1;\n", "V9__x.sql:1: begins with a byte order mark"),
        (b"select 1;\nselect '\xe4';\n", "V9__x.sql:2: not UTF-8"),
    ] {
        let findings = lint(&[("V9__x.sql", content)]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with(expected), "{findings:#?}");
    }
    assert_eq!(lint(&[("V9__x.sql", "select 'ä';\n".as_bytes())]), [""; 0]);
}

/// Applies a file as a build does, to a new database.
async fn apply(sql: &str) -> Result<(), String> {
    let database = TestDatabase::new().await;
    migrate::apply(&connect(&database.url()).await, sql).await
}

#[track_caller]
fn refused(sql: &str, applied: Result<(), String>, expected: &str) {
    let finding = applied.expect_err(sql);
    assert!(finding.contains(expected), "{sql}: {finding}");
}

#[tokio::test]
async fn sql_that_ends_the_transaction_is_refused() {
    for ending in ["commit", "END", "rollback", "abort", "commit and chain", "begin; commit", "rollback; begin"] {
        let sql = format!("create table t (a int);\n{ending};\n");
        refused(&sql, apply(&sql).await, "1: ends the transaction");
    }
    apply("savepoint a; select 'commit;'; release a; do $$ begin end $$; -- commit;").await.unwrap();
}

#[tokio::test]
async fn sql_that_postgresql_refuses_is_reported_with_its_line() {
    let sql = "select 'é';\n\nselect nothing from users;";
    refused(sql, apply(sql).await, "3: column \"nothing\" does not exist");
}

#[tokio::test]
async fn sql_that_cannot_run_in_a_transaction_is_refused_in_a_transactional_file() {
    for statement in ["create index concurrently i on users (avatar)", "vacuum users"] {
        for first in
            ["", "select 1;\n", "-- Non-transactional\n", "-- non-transactional \n", "\n-- non-transactional\n"]
        {
            let sql = format!("{first}{statement};");
            refused(&sql, apply(&sql).await, "put the statement alone into a file whose first line");
        }
        apply(&format!("-- non-transactional\n-- Why.\n{statement};\n")).await.unwrap();
    }
}

#[tokio::test]
async fn a_non_transactional_file_holds_exactly_one_statement_and_the_statement_needs_it() {
    for sql in ["", "select 1;", "create index i on users (avatar);"] {
        let sql = format!("-- non-transactional\n{sql}");
        refused(&sql, apply(&sql).await, "1: this file can run in a transaction");
    }
    for sql in ["vacuum users; vacuum users;", "vacuum users; select 1;", "select 1; vacuum users;"] {
        let sql = format!("-- non-transactional\n{sql}");
        refused(&sql, apply(&sql).await, "holds one statement");
    }
}

#[tokio::test]
async fn a_file_that_uses_an_enum_value_that_it_adds_is_refused() {
    let add = "alter type scan_status add value 'late' before 'failed';\n";
    for used in [
        "insert into bot_channel_scan_runs (channel_id, status) values ('1', 'late');",
        "alter table bot_channel_scan_runs alter status set default 'late';",
        "do $$ begin perform 'late'::scan_status; end $$;",
        "create function f() returns scan_status language sql as $$ select 'late'::scan_status $$;",
    ] {
        refused(used, apply(&format!("{add}{used}")).await, "; move the statement to a later file");
    }
    apply(add).await.unwrap();
}
