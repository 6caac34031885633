//! The lint of migrations/: changes that break programs of the last release while they run.

use crate::migrate::migration_lint::{passes, refused};

/// What each breaking change is refused with.
const BREAKING: [(&str, &str); 43] = [
    ("alter table t add column a text not null", "without a default"),
    ("alter table only public.\"T\" add if not exists a text not null", "without a default"),
    ("alter table t add a numeric(8, 2) collate \"default\" not null", "without a default"),
    ("alter table t add column serial text not null", "without a default"),
    ("alter table t add if not exists generated text not null", "without a default"),
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
    ("drop table t; create table t (a int)", "still uses what is dropped"),
    ("drop type e", "still uses what is dropped"),
    ("drop view v", "still uses what is dropped"),
    ("drop schema s cascade", "still uses what is dropped"),
    ("drop materialized view v", "still uses what is dropped"),
    ("alter table t rename to u", "the old name"),
    ("alter table t rename column a to b", "the old name"),
    ("alter table t rename a to b", "the old name"),
    ("alter table t set schema s", "the old name"),
    ("alter type e rename to f", "the old name"),
    ("alter type e rename value 'a' to 'b'", "the old name"),
    ("alter view v rename to w", "the old name"),
    ("alter materialized view v rename column a to b", "the old name"),
    ("alter schema s rename to r", "the old name"),
    ("alter table t alter column a set not null", "may still write null"),
    ("alter table t add foreign key (a) references u (b)", "not valid"),
    ("alter table t add constraint c foreign key (a) references u (b) on delete cascade", "not valid"),
    ("alter table t add constraint \"check\" check (a > 0)", "not valid"),
    ("alter table t add check (a > 0)", "not valid"),
    ("alter table t add constraint c not null a", "not valid"),
    ("alter table t add exclude using gist (a with &&)", "add constraint … using index"),
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
        "create unlogged table if not exists s.t (a int); create index i on t (a); alter table t add b int not null;",
        "create temp table old as select 1; truncate old; delete from only old; drop table if exists old;",
        "create local temporary table old (); truncate table only old; create index on only old (a); drop table old;",
        "create global temp table old (); drop table old, old; create view v as select 1; drop view v;",
        "create materialized view v as select 1; create index on v (a); drop materialized view v;",
        "create schema s; alter schema s rename to r; drop schema s;",
        "create type e as enum ('a'); alter type e rename value 'a' to 'b'; drop type e;",
        "alter table t add column a text, add b int not null default 1, add column c bigserial not null;\nalter table t add d serial not null, add e smallserial not null;",
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
