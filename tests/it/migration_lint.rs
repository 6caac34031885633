//! The lint of migrations/ that every build with the generator runs: for each rule what it refuses, at which line, and
//! the neighbours that it lets pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../../build/lint.rs"]
mod lint;

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
fn refused(sql: &str, expected: &[(usize, &str)]) {
    let findings = lint_sql(sql);
    assert_eq!(findings.len(), expected.len(), "{sql}\n{findings:#?}");
    for (line, part) in expected {
        let is_expected =
            |finding: &String| finding.starts_with(&format!("V9__sample.sql:{line}: ")) && finding.contains(part);
        assert!(findings.iter().any(is_expected), "{sql}\nno {part:?} at {line}: {findings:#?}");
    }
}

#[track_caller]
fn passes(sql: &str) {
    assert_eq!(lint_sql(sql), [""; 0], "{sql}");
}

#[test]
fn the_migrations_of_this_crate_pass() {
    lint::check(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
}

#[test]
fn a_name_that_refinery_skips_or_fails_on_is_refused() {
    for name in [
        "V3__foo-bar.sql",
        "V4_x.sql",
        "v5__x.sql",
        "V5__x.SQL",
        "V1.5__x.sql",
        "U1__x.sql",
        "V02__x.sql",
        "V0__x.sql",
        "V__x.sql",
        "V6__.sql",
        "V6__Foo.sql",
        "V6__a b.sql",
        "V6__ä.sql",
        "V6__x.sql~",
        "V6__x.rs",
        "README.md",
        "x.sql",
        "V99999999999__x.sql",
        "old/",
    ] {
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
        "create rule r as on insert to t do (select 1; select 2);",
        "",
    ] {
        passes(sql);
    }
}

#[test]
fn what_cannot_run_in_a_transaction_is_refused_in_an_ordinary_file() {
    for statement in [
        "create index concurrently i on t (a)",
        "create unique index concurrently i on t (a)",
        "drop index concurrently i",
        "reindex index concurrently i",
        "reindex (verbose, concurrently) table t",
        "reindex database d",
        "vacuum (analyze) t",
        "create database d",
        "drop database d",
        "alter system set a = 1",
        "alter database d set tablespace x",
        "create tablespace x location '/x'",
        "alter table t detach partition p concurrently",
    ] {
        refused(&format!("select 1;\n\n{statement};"), &[(3, "cannot run in a transaction")]);
        passes(&format!("-- non-transactional\n-- Why.\n{statement};\n"));
        // Only the exact first line counts.
        refused(&format!("-- Non-transactional\n{statement};"), &[(2, "cannot run in a transaction")]);
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

/// What each breaking change is refused with.
const BREAKING: [(&str, &str); 33] = [
    ("alter table t add column a text not null", "without a default"),
    ("alter table only public.\"T\" add if not exists a text not null", "without a default"),
    ("alter table t add a text check (a is not null or default_a) not null", "without a default"),
    ("alter table t add column a int references u default 1", "not valid"),
    ("alter table t add column a text unique", "add constraint … using index"),
    ("alter table t alter column a type text", "expects the old type"),
    ("alter table t alter a set data type text using a::text", "expects the old type"),
    ("ALTER TABLE IF EXISTS t ALTER COLUMN type TYPE text", "expects the old type"),
    ("create index i on t (a)", "create index concurrently"),
    ("create unique index if not exists i on only public.t using btree (a) where on_it", "create index concurrently"),
    ("create index on \"t\" (a)", "create index concurrently"),
    ("drop table t", "still uses what is dropped"),
    ("drop table if exists new, t cascade", "still uses what is dropped"),
    ("alter table t drop column a", "still uses what is dropped"),
    ("alter table t drop if exists a cascade", "still uses what is dropped"),
    ("drop type e", "still uses what is dropped"),
    ("drop materialized view v", "still uses what is dropped"),
    ("alter table t rename to u", "the old name"),
    ("alter table t rename column a to b", "the old name"),
    ("alter table t rename a to b", "the old name"),
    ("alter table t set schema s", "the old name"),
    ("alter type e rename to f", "the old name"),
    ("alter type e rename value 'a' to 'b'", "the old name"),
    ("alter view v rename to w", "the old name"),
    ("alter table t alter column a set not null", "may still write null"),
    ("alter table t add foreign key (a) references u (b)", "not valid"),
    ("alter table t add constraint c foreign key (a) references u (b) on delete cascade", "not valid"),
    ("alter table t add constraint \"check\" check (a > 0)", "not valid"),
    ("alter table t add primary key (a)", "add constraint … using index"),
    ("alter table t add constraint c unique (a)", "add constraint … using index"),
    ("truncate table new, t", "every row goes"),
    ("truncate only t", "every row goes"),
    ("delete from t", "every row goes"),
];

#[test]
fn a_change_that_breaks_running_programs_is_refused() {
    for (statement, part) in BREAKING {
        refused(&format!("create table new (a int);\n\n{statement};"), &[(3, part)]);
    }
    refused(
        "alter table t\n  add column a text,\n  add column b numeric(8, 2) not null,\n  drop column c, add d int check (d > 0);",
        &[(3, "without a default"), (4, "still uses"), (4, "not valid")],
    );
}

#[test]
fn a_reason_makes_a_breaking_change_pass() {
    for (statement, part) in BREAKING {
        passes(&format!(
            "-- What this is.\n-- safe: nobody uses it\n-- any more.\n\nselect 1;\n{statement};\nselect 2;"
        ));
        passes(&format!("select 1;\n-- safe: nobody uses it\n-- any more.\n{statement};"));
        passes(&format!("select 1;\n\n  -- Why.\n  -- safe: nobody uses it\n  {statement};"));

        for comment in [
            "-- safe:",
            "-- safe: ",
            "-- it is safe: yes",
            "-- safe: yes\n",
            "/* -- safe: yes */",
            "select '\n-- safe: yes\n';",
        ] {
            let sql = format!("select 1;\n{comment}\n{statement};");
            refused(&sql, &[(sql.lines().count(), part)]);
        }
        // A comment behind a statement or above another one says nothing of this one.
        refused(&format!("select 1; -- safe: yes\n{statement};"), &[(2, part)]);
        refused(&format!("select 1;\n-- safe: yes\nselect 2;\n{statement};"), &[(4, part)]);
    }
}

#[test]
fn a_reason_does_not_excuse_other_rules() {
    refused("-- safe: yes\n\ncommit;\n-- safe: yes\nvacuum;", &[(3, "`commit`"), (5, "`vacuum`")]);
}

#[test]
fn changes_that_break_nothing_pass() {
    for sql in [
        "create table t (a int not null unique check (a > 0) references u);\ncreate index i on t (a);\ncreate unique index on public.t (a);",
        "create index i on t (a); create unlogged table if not exists s.t (a int); alter table t add b int not null;",
        "create temp table old as select 1; truncate old; delete from only old; drop table old;",
        "create type e as enum ('a'); alter type e rename value 'a' to 'b'; drop type e;",
        "alter table t add column a text, add b int not null default 1, add column c bigserial not null;",
        "alter table t add column a int not null generated always as (b * 2) stored;",
        "alter table t add column a text references u;\nalter table t add column constraint_kind text;",
        "alter table t add column a text default 'x; not null';",
        "alter table t add constraint c foreign key (a) references u not valid, add check (a is not null) not valid;",
        "alter table t add constraint c unique using index i;",
        "alter table t validate constraint c, alter column a set default 'x', alter b drop not null;",
        "alter table t drop constraint c, rename constraint d to e;",
        "alter type e add value 'x';\nalter type e add attribute a text not null;",
        "drop index i; drop function f(); drop trigger t on u; alter index i rename to j;",
        "delete from t where a; update t set a = 1;",
        "create trigger r before update on t for each row execute function f();",
        "comment on table t is 'drop table t'; -- drop table t;",
    ] {
        passes(sql);
    }
}

/// An empty folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("migrations")).unwrap();
    folder
}

fn git(root: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    ];
    let output = Command::new("git").current_dir(root).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes the files, commits and tags them.
fn release(root: &Path, tag: &str, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(root.join("migrations").join(name), content).unwrap();
    }
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "--allow-empty", "--message", tag]);
    git(root, &["tag", tag]);
}

#[track_caller]
fn released_refused(root: &Path, expected: &[&str]) {
    let findings = lint::check(root).err().unwrap_or_default();
    assert_eq!(findings.lines().count(), expected.len(), "{findings}");
    for (finding, expected) in findings.lines().zip(expected) {
        assert!(finding.starts_with(expected), "{findings}");
    }
}

#[test]
fn what_a_release_holds_stays_as_it_is() {
    // The package need not be the repository's root.
    let repository = folder("lint_released");
    let root = repository.join("package");
    fs::create_dir_all(root.join("migrations")).unwrap();
    let write = |name: &str, content: &str| fs::write(root.join("migrations").join(name), content).unwrap();
    git(&repository, &["init", "--quiet"]);
    write("V1__a.sql", "select 0;\n");
    released_refused(&root, &[]);
    release(&root, "v0.9.0", &[("V1__a.sql", "select 1;\n"), ("V2__b.sql", "select 1;\nselect 2;\n")]);
    release(&root, "v0.10.0-rc.1", &[("V4__d.sql", "select 4;\n")]);
    release(&root, "v0.10.0", &[("V5__e.sql", "select 5;\n")]);
    release(&root, "v1.0", &[("V6__f.sql", "select 6;\n")]);
    git(&repository, &["checkout", "--quiet", "-b", "later"]);
    release(&root, "v2.0.0", &[("V7__g.sql", "select 7;\n")]);
    git(&repository, &["checkout", "--quiet", "-"]);
    released_refused(&root, &[]);

    write("V6__f.sql", "select 'changed, and never released';\n");
    write("V7__other.sql", "select 7;\n");
    released_refused(&root, &[]);

    write("V2__b.sql", "select 1;\nselect 2; -- changed\n");
    write("V3__late.sql", "select 3;\n");
    write("V5__other.sql", "select 5;\n");
    fs::remove_file(root.join("migrations/V4__d.sql")).unwrap();
    fs::remove_file(root.join("migrations/V5__e.sql")).unwrap();
    released_refused(
        &root,
        &[
            "migrations/V2__b.sql:2: is not as released with v0.10.0, ",
            "migrations/V3__late.sql:1: v0.10.0 already has version 5: ",
            "migrations/V4__d.sql:1: is gone; it was released with v0.10.0, ",
            "migrations/V5__e.sql:1: is gone; it was released with v0.10.0, ",
            "migrations/V5__other.sql:1: v0.10.0 already has version 5: ",
        ],
    );
}

#[test]
fn a_package_that_a_repository_does_not_track_has_no_releases() {
    let repository = folder("lint_untracked");
    git(&repository, &["init", "--quiet"]);
    release(&repository, "v3.0.0", &[("V1__a.sql", "select 1;\n")]);
    fs::create_dir_all(repository.join("vendor/migrations")).unwrap();
    fs::write(repository.join("vendor/migrations/V1__a.sql"), "select 2;\n").unwrap();

    released_refused(&repository.join("vendor"), &[]);
}
