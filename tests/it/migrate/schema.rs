//! The schema: V1 is what the Python programs made, later files only change indexes and add nullable columns, and every
//! foreign key has an index.

use std::path::Path;

use tokio_postgres::Client;

use crate::project::style::files;
use crate::support::{TestDatabase, connect, create_database, drop_database, url_of, value};

/// Everything in the schema `public`, as sorted lines. The history of migrations and objects that belong to an extension are
/// left out.
///
/// In a function's source each run of whitespace counts as one space: the migration file and the dump may indent it
/// differently without changing what it does.
const CATALOGUE: &str = r#"
  with relations as (
    select c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.reloptions
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relname not like 'refinery_schema_history%'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  )
  select line from (
    select format('table %s: kind %s, persistence %s, row security %s, options %s', relname, relkind, relpersistence,
             relrowsecurity, reloptions) as line
    from relations where relkind not in ('i', 'I', 'S')
    union all
    select format('column %s.%s: %s, number %s%s, default %s, identity %L, generated %L, collation %s', r.relname, a.attname,
             format_type(a.atttypid, a.atttypmod), row_number() over (partition by r.oid order by a.attnum),
             case when a.attnotnull then ', not null' else '' end, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
             a.attgenerated, a.attcollation::regcollation)
    from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where r.relkind not in ('i', 'I', 'S')
    union all
    select format('constraint %s on %s: %s%s', conname, conrelid::regclass, pg_get_constraintdef(c.oid),
             case when convalidated then '' else ' (not validated)' end)
    from pg_constraint c join relations r on r.oid = c.conrelid
    union all
    select format('index %s%s', pg_get_indexdef(i.indexrelid), case when indisvalid then '' else ' (invalid)' end)
    from pg_index i join relations r on r.oid = i.indrelid
    union all
    select format('trigger %s, enabled %s', pg_get_triggerdef(t.oid), tgenabled)
    from pg_trigger t join relations r on r.oid = t.tgrelid where not tgisinternal
    union all
    select format('sequence %s: %s, start %s, minimum %s, maximum %s, increment %s, cycle %s, cache %s, owned by %s', r.relname,
             format_type(s.seqtypid, null), seqstart, seqmin, seqmax, seqincrement, seqcycle, seqcache,
             (select format('%s.%s', d.refobjid::regclass, a.attname)
              from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
              where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')))
    from pg_sequence s join relations r on r.oid = s.seqrelid
    union all
    select format('type %s: kind %s, of %s, labels %s', t.typname, t.typtype, format_type(nullif(t.typbasetype, 0), t.typtypmod),
             (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid))
    from pg_type t
    where t.typnamespace = 'public'::regnamespace and t.typtype in ('e', 'd', 'r')
      and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
    union all
    select format('function %s', regexp_replace(pg_get_functiondef(p.oid), '\s+', ' ', 'g'))
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    union all
    select format('extension %s %s in %s', extname, extversion, extnamespace::regnamespace) from pg_extension
    where extname <> 'plpgsql'
    union all
    select format('policy %s on %s', policyname, tablename) from pg_policies where schemaname = 'public'
    union all
    select format('schema %s', nspname) from pg_namespace where nspname !~ '^(pg_|information_schema$)'
  ) as lines
  order by line collate pg_catalog."C""#;

async fn catalogue(client: &Client) -> Vec<String> {
    let rows = client.query(CATALOGUE, &[]).await.expect("the catalogue query works");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The differences between two catalogues, as a diff.
fn difference(left: &[String], right: &[String]) -> Vec<String> {
    let only = |sign, these: &[String], those: &[String]| {
        let missing = these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}"));
        missing.collect::<Vec<_>>()
    };
    [only('-', left, right), only('+', right, left)].concat()
}

fn repository_file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file exists")
}

/// A database made by running SQL files.
struct Made(String);

impl Made {
    async fn by(files: &[&str]) -> Self {
        let made = Self(create_database("template template0").await);
        for file in files {
            made.connect().await.batch_execute(&repository_file(file)).await.expect("the SQL file runs");
        }
        made
    }

    async fn connect(&self) -> Client {
        connect(&url_of(&self.0)).await
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        drop_database(&self.0);
    }
}

const V1: &str = "migrations/V1__initial_schema.sql";
const EXISTING: &str = "tests/fixtures/existing_database.sql";

#[tokio::test]
async fn the_first_migration_makes_exactly_the_existing_schema() {
    let (made, existing) = (Made::by(&[V1]).await, Made::by(&[EXISTING]).await);
    let (made, existing) = (catalogue(&made.connect().await).await, catalogue(&existing.connect().await).await);

    let different = difference(&existing, &made);

    assert!(different.is_empty(), "existing (-) and V1 (+):\n{}", different.join("\n"));
    assert_eq!(existing, made);
}

/// For each file after the first: its changes to the catalogue, and the catalogue after it.
async fn changes() -> Vec<(Vec<String>, Vec<String>)> {
    let mut files = files("migrations", ".sql");
    files.sort_by_key(|(path, _)| path.split_once("__").map(|(version, _)| (version.len(), path.clone())));
    let made = Made::by(&[V1]).await;
    let mut before = catalogue(&made.connect().await).await;
    let mut changes = Vec::new();
    for (_, sql) in &files[1..] {
        made.connect().await.batch_execute(sql).await.expect("the SQL file runs");
        let after = catalogue(&made.connect().await).await;
        changes.push((difference(&before, &after), after.clone()));
        before = after;
    }
    changes
}

#[tokio::test]
async fn the_migrations_after_the_first_only_change_indexes_and_add_tables_and_columns_that_need_no_value() {
    let changes = changes().await;

    assert!(!changes.is_empty());
    for (changed, _) in changes {
        assert!(!changed.is_empty());
        for line in changed {
            let needs_no_value = !line.contains(", not null") || line.contains(", not null, default 0,");
            let is_column = line.starts_with("+ column ") && needs_no_value;
            let is_index = line[2..].starts_with("index CREATE INDEX ") || line.contains(" idx_bot_scan_runs_active ");
            let is_new_table = line.starts_with("+ ") && NEW_TABLES.iter().any(|table| line.contains(table));
            let is_setting = FILLFACTORS.iter().any(|table| line[2..].starts_with(table));
            assert!(is_column || is_index || is_new_table || is_setting, "{line}");
        }
    }
}

const NEW_TABLES: [&str; 5] =
    ["bot_channel_coverage", "bot_scan_queue", "bot_clip_messages", "bot_clips", "bot_authors"];

/// A setting that changes no row.
const FILLFACTORS: [&str; 2] = ["table bot_channel_scan_runs:", "table bot_channels:"];

/// Dropped by V15: no query needs them, as the plans show (`plans`).
const NEEDED_BY_NO_QUERY: [&str; 4] = [
    "idx_bot_channels_isreading",
    "idx_bot_channels_last_message_id",
    "idx_bot_channels_work",
    "idx_bot_channels_work_order",
];

#[tokio::test]
async fn an_index_is_dropped_only_if_another_index_begins_with_the_same_columns_or_no_query_needs_it() {
    let changes = changes().await;

    let dropped = changes.iter().flat_map(|(changed, after)| {
        let dropped = changed.iter().filter(|line| line.starts_with("- index "));
        dropped.map(move |line| (line, after))
    });
    let mut names = Vec::new();
    for (line, after) in dropped {
        let (name, definition) = line.split_once(" ON ").expect("an index is on a table");
        let (beginning, condition) = definition.rsplit_once(')').expect("an index has columns");
        let serves = |other: &&String| {
            other.contains(&format!(" ON {beginning}, ")) && other.rsplit(')').next() == Some(condition)
        };
        let is_needed = !NEEDED_BY_NO_QUERY.iter().any(|unused| name.ends_with(unused));
        assert!(!is_needed || after.iter().any(|other| serves(&other)), "{line}: {after:#?}");
        names.push(name);
    }
    assert_eq!(names.len(), 2 + NEEDED_BY_NO_QUERY.len(), "{names:?}");
}

#[tokio::test]
async fn the_comparison_of_schemas_sees_every_kind_of_change() {
    let made = Made::by(&[V1]).await;
    let client = made.connect().await;
    let before = catalogue(&client).await;
    for (change, kind) in [
        ("create table t ()", "table"),
        ("create unlogged table t ()", "table"),
        ("create view v as select 1", "table"),
        ("drop table guild_settings", "table"),
        ("alter table users enable row level security", "table"),
        ("alter table users rename column avatar to picture", "column"),
        ("alter table users alter avatar type varchar(255)", "column"),
        ("alter table users alter avatar set not null", "column"),
        ("alter table users alter avatar set default ''", "column"),
        ("alter table users alter avatar type text collate \"POSIX\"", "column"),
        ("alter table users drop avatar, add avatar text", "column"),
        ("alter table bot_channels alter message_count drop default", "column"),
        (
            "alter table bot_channels alter message_count drop default, alter message_count add generated always as identity",
            "column",
        ),
        ("alter table install_intents alter created_at type timestamptz", "column"),
        ("alter table users add check (avatar <> '')", "constraint"),
        ("alter table users rename constraint users_discord_user_id_key to users_id_key", "constraint"),
        ("alter table guild_settings drop constraint guild_settings_pkey", "constraint"),
        (
            "alter table bot_channels drop constraint bot_channels_guild_id_fkey,
             add constraint bot_channels_guild_id_fkey foreign key (guild_id) references bot_guilds",
            "constraint",
        ),
        ("drop index idx_bot_channels_work", "index"),
        ("create index on users (avatar)", "index"),
        (
            "drop index idx_bot_scan_runs_channel;
          create index idx_bot_scan_runs_channel on bot_channel_scan_runs (channel_id, created_at)",
            "index",
        ),
        ("drop trigger trg_bot_channels_updated_at on bot_channels", "trigger"),
        ("alter table bot_channels disable trigger trg_bot_channels_updated_at", "trigger"),
        ("alter sequence users_id_seq as bigint", "sequence"),
        ("alter sequence users_id_seq owned by none", "sequence"),
        ("alter sequence users_id_seq increment by 2", "sequence"),
        ("alter type scan_status add value 'paused' before 'failed'", "type"),
        ("alter type scan_status rename value 'failed' to 'broken'", "type"),
        ("create domain snowflake as text", "type"),
        (
            "create or replace function set_updated_at() returns trigger language plpgsql as 'begin return new; end'",
            "function",
        ),
        ("create function f() returns int language sql as 'select 1'", "function"),
        ("drop extension pgcrypto", "extension"),
        ("create extension citext", "extension"),
        ("create policy p on users", "policy"),
        ("create schema other", "schema"),
    ] {
        // All of these changes can be rolled back.
        client.batch_execute(&format!("begin; {change}")).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
        let different = difference(&before, &catalogue(&client).await);
        client.batch_execute("rollback").await.unwrap();

        let seen = different.iter().any(|line| line[2..].starts_with(&format!("{kind} ")));
        assert!(seen, "{change}: {different:?}");
    }
    assert_eq!(catalogue(&client).await, before);
}

/// The foreign keys whose columns do not begin a valid index on the whole table. Deleting a referenced row would read the
/// whole table.
const FOREIGN_KEYS_WITHOUT_INDEX: &str = "
  select string_agg(conname, ', ' order by conname) from pg_constraint c
  where contype = 'f' and not exists (
    select from pg_index i
    where i.indrelid = c.conrelid and i.indisvalid and i.indpred is null
      and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
  )";

#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let database = TestDatabase::new().await;

    assert_eq!(database.value(FOREIGN_KEYS_WITHOUT_INDEX).await, None);
    assert_eq!(database.text("select count(*) from pg_constraint where contype = 'f'").await, "8");
}

#[tokio::test]
async fn a_foreign_key_without_an_index_is_found() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    for (change, found) in [
        ("drop index idx_install_intents_user", "install_intents_user_id_fkey"),
        (
            "drop index idx_bot_guilds_owner; create index on bot_guilds (owner_user_id) where icon is not null;
             create index on bot_guilds (name, owner_user_id)",
            "bot_guilds_owner_user_id_fkey",
        ),
    ] {
        client.batch_execute(&format!("begin; {change}")).await.unwrap();

        assert_eq!(value(&client, FOREIGN_KEYS_WITHOUT_INDEX).await.as_deref(), Some(found));
        client.batch_execute("rollback").await.unwrap();
    }
}
