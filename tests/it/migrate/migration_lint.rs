//! The lint of migrations/ that every build with the generator runs: for each rule what it refuses, at which line, and
//! the neighbours that it lets pass.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../build/lint.rs"]
pub mod lint;

/// An empty folder of a test.
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

fn lint_sql(sql: &str) -> Vec<String> {
    lint(&[("V9__sample.sql", sql.as_bytes())])
}

/// One finding for each expected line and part of its message.
#[track_caller]
pub fn refused(sql: &str, expected: &[(usize, &str)]) {
    let findings = lint_sql(sql);
    assert_eq!(findings.len(), expected.len(), "{sql}\n{findings:#?}");
    for (line, part) in expected {
        let is_expected =
            |finding: &String| finding.starts_with(&format!("V9__sample.sql:{line}: ")) && finding.contains(part);
        assert!(findings.iter().any(is_expected), "{sql}\nno {part:?} at {line}: {findings:#?}");
    }
}

#[track_caller]
pub fn passes(sql: &str) {
    assert_eq!(lint_sql(sql), [""; 0], "{sql}");
}

#[test]
fn the_migrations_of_this_crate_pass() {
    lint::check(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
}

#[test]
fn a_name_that_refinery_skips_or_fails_on_is_refused() {
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
fn hidden_files_are_no_migrations_and_folders_are_refused() {
    let root = folder("lint_names");
    fs::create_dir_all(root.join("migrations/old")).unwrap();
    for name in [".DS_Store", ".V3__x.sql.swp", "V1__x.sql"] {
        fs::write(root.join("migrations").join(name), "").unwrap();
    }

    let findings = lint::check(&root).unwrap_err();

    assert!(findings.starts_with("migrations/old/:1: a folder") && findings.lines().count() == 1, "{findings}");
}

#[test]
fn two_files_of_one_version_are_refused() {
    let findings = lint(&[("V2__a.sql", b""), ("V2__b.sql", b""), ("V3__c.sql", b"")]);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].starts_with("V2__b.sql:1: V2__a.sql has version 2 too: "), "{findings:#?}");
    assert!(findings[0].ends_with("the version 4"), "{findings:#?}");

    let findings = lint(&[("V02__a.sql", b""), ("V2__b.sql", b"")]);
    assert!(findings[1].starts_with("V2__b.sql:1: V02__a.sql has version 2 too: "), "{findings:#?}");
}

#[test]
fn text_that_changes_between_machines_is_refused() {
    for (content, expected) in [
        (&b"select 1;\nselect 2;\r\nselect 3;\r\n"[..], "V9__x.sql:2: a carriage return"),
        (b"\xef\xbb\xbfselect 1;\n", "V9__x.sql:1: begins with a byte order mark"),
        (b"select 1;\nselect '\xe4';\n", "V9__x.sql:2: not UTF-8"),
    ] {
        let findings = lint(&[("V9__x.sql", content)]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with(expected), "{findings:#?}");
    }
    passes("select 'ä';\n");
}

#[test]
fn what_ends_the_transaction_is_refused() {
    for statement in
        ["begin", "BEGIN work", "start transaction", "commit", "end", "rollback", "abort", "prepare transaction 'a'"]
    {
        refused(&format!("select 1;\n\n{statement};"), &[(3, "breaks the transaction")]);
    }
    refused("select 1; /* ; */ commit; -- end\nend", &[(1, "`commit`"), (2, "`end`")]);
}

#[test]
fn words_of_the_transaction_elsewhere_pass() {
    for sql in [
        "select 'a; commit; b', e'\\'; commit; ', \"; commit; \", '''; commit;';",
        "-- ; commit;\n/* /* ; */ ; commit; */ select 1;",
        "create function f() returns trigger language plpgsql as $$\nbegin\n  return new;\nend; $$;",
        "do $a$ begin; commit; $$; commit; $$ end $a$;",
        "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3;",
        "create table t (begin_at timestamptz, commit text);\nalter table t add column end_at timestamptz;",
        "create table t$$ (a int); select 1 as \"a\"\"; commit; \";",
        "create rule r as on insert to t do (select 1; delete from u);",
        "prepare p as select $1$2;",
        "select 'a\\', e'', e'b\\'c';",
        "",
    ] {
        passes(sql);
        // And the reader is back at the end.
        let line = sql.matches('\n').count() + 2;
        refused(&format!("{sql}\ncommit"), &[(line, "`commit`")]);
    }
}

const OUTSIDE: &str = "\
create index concurrently i on t (a)
create unique index concurrently i on t (a)
drop index concurrently i
reindex index concurrently i
reindex (verbose, concurrently) table t
reindex database d
reindex schema s
reindex system d
vacuum (analyze) t
create database d
drop database d
alter system set a = 1
alter database d set tablespace x
create tablespace x location '/x'
drop tablespace x
alter table t detach partition p concurrently";

#[test]
fn what_cannot_run_in_a_transaction_is_refused_in_an_ordinary_file() {
    for statement in OUTSIDE.lines() {
        refused(&format!("select 1;\n\n{statement};"), &[(3, "cannot run in a transaction")]);
        passes(&format!("-- non-transactional\n-- Why.\n{statement};\n"));
        // Only the exact first line counts.
        for first_line in
            ["-- Non-transactional", "-- non-transactional ", "--non-transactional", " -- non-transactional"]
        {
            refused(&format!("{first_line}\n{statement};"), &[(2, "cannot run in a transaction")]);
        }
        refused(&format!("\n-- non-transactional\n{statement};"), &[(3, "cannot run in a transaction")]);
    }
    for sql in [
        "reindex index i;",
        "drop index i;",
        "refresh materialized view concurrently v;",
        "alter database d set a = 1;",
        "comment on table t is 'vacuum; create index concurrently';",
        "create table vacuum_runs (vacuum_at timestamptz);",
    ] {
        passes(sql);
    }
}

#[test]
fn a_non_transactional_file_holds_one_statement_that_needs_it() {
    refused("-- non-transactional\nselect 1;", &[(2, "can run in a transaction")]);
    refused("-- non-transactional\n", &[(1, "without a statement")]);
    refused("-- non-transactional\nvacuum;\n\nvacuum t;", &[(4, "a second statement")]);
    refused(
        "-- non-transactional\ndrop index concurrently i;\nselect 1;",
        &[(3, "can run in a transaction"), (3, "a second statement")],
    );
}

#[test]
fn an_enum_value_is_not_used_in_the_file_that_adds_it() {
    let add = "alter type public.status add value if not exists 'late' before 'early';\n";
    for (used, line) in [
        ("update t set status = 'late' where a;", 2),
        ("\nalter table t\n  alter a set default 'late';", 4),
        ("do $$ begin update t set status = 'late'; end $$;", 2),
        ("create function f() returns status language sql as $$ select 'late'::status $$;", 2),
    ] {
        refused(&format!("{add}{used}"), &[(line, "'late' cannot be used")]);
    }
    for sql in [
        "select 'early', 'later', '''late'''; -- 'late'",
        "create function f() returns trigger language plpgsql as $$ begin new.status = 'late'; end $$;",
    ] {
        passes(&format!("{add}{sql}"));
    }
    let files: [(&str, &[u8]); 2] = [("V8__add.sql", add.as_bytes()), ("V9__use.sql", b"select 'late'::status;")];
    assert_eq!(lint(&files), [""; 0]);
}
