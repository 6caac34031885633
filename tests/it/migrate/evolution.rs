//! A newer release has changed the schema: the functions of this release still work.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use clip_saver_db::{
    ChannelSnapshot, Config, Db, GenericClient as _, GuildId, GuildSnapshot, ScanIncrement, ScanRunId, ScanStatus,
    UserSnapshot, repositories as db,
};

use crate::project::roles::{Roles, rows};
use crate::support::every_function::{Rows, call, names};
use crate::support::{TestDatabase, backend_pid, changed, connect, json, queued_run, reading_channel, user};

/// Changes that a newer release may make: a new status, a new column in each table, a dropped index.
const NEWER: &str = "
  alter type scan_status add value 'paused' before 'running';
  do $$
    declare
      name text;
    begin
      for name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
        execute format('alter table %I add column added_later text not null default ''x''', name);
      end loop;
      for name in
        select indexrelid::regclass from pg_index join pg_class c on c.oid = indrelid
        where c.relnamespace = 'public'::regnamespace and not indisunique
      loop
        execute format('drop index %s', name);
      end loop;
    end $$;
";

/// The columns of all tables, each as `table.column`.
const COLUMNS: &str = "
  select string_agg(concat(table_name, '.', column_name), ' ') from information_schema.columns
  where table_schema = 'public' and table_name <> 'refinery_schema_history'
";

/// Returns a query for all rows with those columns of `$COLUMNS` that exist. Instead of a time the query returns whether it
/// is this transaction's or later, and it leaves generated keys out: so two calls of a function give equal rows.
const QUERY_FOR_ALL_ROWS: &str = "
  select format('select coalesce(string_agg(line, chr(10) order by line), '''') from (%s) as lines (line)',
    string_agg(format('select concat(%L, row (%s)) from %I', relation || ' ', columns, relation), ' union all '))
  from (
    select table_name::text as relation, string_agg(
        case
          when data_type like 'timestamp%' then format('%I >= now()', column_name)
          when data_type = 'uuid' or column_default like 'nextval%' then format('%I is null', column_name)
          else quote_ident(column_name)
        end, ', ' order by ordinal_position) as columns
    from information_schema.columns
    where table_schema = 'public' and concat(table_name, '.', column_name) = any (string_to_array('$COLUMNS', ' '))
    group by table_name) as tables
";

/// All rows after a call, by program and function.
type Effects = BTreeMap<(String, String), String>;

/// A database of this release, with roles and rows.
struct UsedDatabase {
    roles: Roles,
    stored: Rows,
}

impl UsedDatabase {
    async fn new() -> Self {
        let roles = Roles::on_migrated().await;
        let stored = Rows::store(&roles.connect("owner").await).await;
        Self { roles, stored }
    }

    /// A pool of one connection: the next call uses the statements that the last one has prepared.
    async fn one_connection(&self) -> Db {
        let mut config: Config = self.roles.database.url().parse().unwrap();
        config.pool_max = 1;
        Db::connect(config).await.unwrap()
    }

    /// A query for all rows, without the columns that `other` lacks.
    async fn query_for_all_rows(&self, other: &Self) -> String {
        let columns = other.roles.database.text(COLUMNS).await;
        self.roles.database.text(&QUERY_FOR_ALL_ROWS.replace("$COLUMNS", &columns)).await
    }

    /// Applies the migrations of a newer release.
    async fn migrate(&self, newer: &[String]) -> Result<(), String> {
        let owner = connect(&self.roles.url("owner")).await;
        let recorded = "insert into refinery_schema_history (version, name, applied_on, checksum)
                        values (9999, 'future', '2030-01-01T00:00:00Z', '1')";
        for sql in newer.iter().map(String::as_str).chain([recorded]) {
            owner.batch_execute(sql).await.map_err(|error| format!("{sql}: {}", message(&error)))?;
        }
        Ok(())
    }

    /// Calls each function as each program that has the rights for it.
    async fn effects(&self, db: &Db, query: &str) -> Result<Effects, String> {
        let mut calls: Vec<_> = names().into_iter().map(|function| ("owner".to_owned(), function)).collect();
        for row in rows() {
            calls.extend(row.programs.into_iter().map(|program| (program, row.function.clone())));
        }
        let mut effects = Effects::new();
        for (program, function) in calls {
            let effect = self.effect(db, &program, &function, query).await;
            let effect = effect.map_err(|error| format!("{function}, called by the {program}: {error}"))?;
            effects.insert((program, function), effect);
        }
        Ok(effects)
    }

    /// Calls a function in a transaction, returns the result of the query after it, and rolls back.
    async fn effect(&self, db: &Db, program: &str, function: &str, query: &str) -> Result<String, String> {
        let failed = |error| message(&error);
        let transaction = db.begin().await.map_err(|error| error.to_string())?;
        let role = format!("set local role {}", self.roles.name(program));
        transaction.execute(&role, &[]).await.map_err(failed)?;
        let is_right = call(function, &transaction, &self.stored).await.map_err(|error| error.to_string())?;
        transaction.execute("reset role", &[]).await.map_err(failed)?;
        let row = transaction.query_one(query, &[]).await.map_err(failed)?;
        transaction.rollback().await;
        is_right.then(|| row.get(0)).ok_or_else(|| "it does not return what it promises".to_owned())
    }
}

/// Checks that a newer release's migrations change nothing for a program of this release: neither the stored rows, nor what
/// its functions return and store. Dropped columns are not compared.
async fn check_compatibility(newer: &[String]) -> Result<(), String> {
    let (unchanged, database) = (UsedDatabase::new().await, UsedDatabase::new().await);
    let open_before = database.one_connection().await;
    database.effects(&open_before, "select text 'before'").await?;
    let prepared_on = backend(&open_before).await;

    database.migrate(newer).await?;

    let query = unchanged.query_for_all_rows(&database).await;
    same(
        "the rows that were there",
        &unchanged.roles.database.text(&query).await,
        &database.roles.database.text(&query).await,
    )?;
    let expected = unchanged.effects(&unchanged.one_connection().await, &query).await?;
    let open_after = database.one_connection().await;
    for (when, db) in [("a session that is older than the change", &open_before), ("a newer session", &open_after)] {
        let effects = database.effects(db, &query).await.map_err(|error| format!("{error} (on {when})"))?;
        for ((program, function), rows) in &effects {
            let what = format!("the rows after {function}, called by the {program} on {when},");
            same(&what, &expected[&(program.clone(), function.clone())], rows)?;
        }
    }
    assert_eq!(backend(&open_before).await, prepared_on, "the change closed no session");
    open_after.migrate().await.map_err(|error| error.to_string())?;
    unchanged.roles.drop().await;
    database.roles.drop().await;
    Ok(())
}

/// PostgreSQL's message.
fn message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |report| report.message().to_owned())
}

fn same(what: &str, before: &str, after: &str) -> Result<(), String> {
    let lacks = |lines: &str, line: &&str| !lines.lines().any(|other| other == *line);
    let gone: Vec<_> = before.lines().filter(|line| lacks(after, line)).collect();
    let new: Vec<_> = after.lines().filter(|line| lacks(before, line)).collect();
    if before == after {
        Ok(())
    } else {
        Err(format!("{what} are not as before the change. Gone: {gone:#?}, new: {new:#?}"))
    }
}

async fn backend(db: &Db) -> i32 {
    backend_pid(&db.connection().await.unwrap()).await
}

/// The migrations that this release lacks: from the folder that a newer release's `./dev compat` names, or a sample.
fn newer_migrations() -> Vec<String> {
    let Some(folder) = env::var_os("CLIP_DB_COMPAT_MIGRATIONS") else { return vec![NEWER.to_owned()] };
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut newer = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let version = name.strip_prefix('V').and_then(|rest| rest.split_once("__")?.0.parse::<u32>().ok());
        if let Some(version) = version
            && !ours.join(name).exists()
        {
            newer.insert(version, fs::read_to_string(entry.path()).unwrap());
        }
    }
    newer.into_values().collect()
}

#[tokio::test]
async fn every_function_works_on_a_schema_of_a_newer_release() {
    Box::pin(check_compatibility(&newer_migrations())).await.unwrap_or_else(|reason| panic!("{reason}"));
}

#[tokio::test]
async fn the_comparison_sees_what_every_writing_function_writes_and_that_reads_write_nothing() {
    let database = UsedDatabase::new().await;
    let query = database.query_for_all_rows(&database).await;
    let rows = database.roles.database.text(&query).await;

    for ((program, function), effect) in database.effects(&database.one_connection().await, &query).await.unwrap() {
        // A renewal changes only a time.
        let reads = ["get_", "count_", "total_", "scan_queue_stats", "renew_scan_lease"]
            .iter()
            .any(|prefix| function.starts_with(prefix));
        assert_eq!(effect == rows, reads, "{function}, called by the {program}: {effect}");
    }
    database.roles.drop().await;
}

#[tokio::test]
async fn the_comparison_of_rows_leaves_out_what_a_newer_release_has_dropped() {
    let (older, newer) = (UsedDatabase::new().await, UsedDatabase::new().await);
    older.roles.database.execute("alter table users add column unused text default 'x'; create table unused ()").await;

    let query = older.query_for_all_rows(&newer).await;

    assert_eq!(newer.roles.database.text(&query).await, older.roles.database.text(&query).await);
    older.roles.drop().await;
    newer.roles.drop().await;
}

#[tokio::test]
async fn a_change_that_breaks_a_program_is_reported_even_if_no_lint_sees_it() {
    let returns_null = "create or replace function set_updated_at() returns trigger language plpgsql
                        as 'begin return null; end'";
    let stores_else = "create function other() returns trigger language plpgsql
                       as 'begin new.username = upper(new.username); return new; end';
                       create trigger other before insert on users for each row execute function other()";
    for (change, reason) in [
        (returns_null, "it does not return what it promises"),
        (stores_else, "upsert_user, called by the bot on a session that is older"),
        ("alter table bot_channels disable trigger user", "called by the bot on a session that is older"),
        ("do $$ begin execute 'alter table users drop column avatar'; end $$", "column \"avatar\" does not exist"),
        ("do $$ begin execute 'revoke insert on users from ' || current_user; end $$", "permission denied"),
        ("delete from install_intents", "the rows that were there are not as before"),
        ("update bot_channels set settings = '{\"a\": 1}'", "the rows that were there are not as before"),
    ] {
        let reported = Box::pin(check_compatibility(&[change.to_owned()])).await.expect_err(change);
        assert!(reported.contains(reason), "{change}: {reported}");
    }
}

/// A run with a status that only the newer release knows.
async fn paused_run(database: &TestDatabase) -> ScanRunId {
    let run = queued_run(database, reading_channel(database).await).await;
    database.execute(NEWER).await;
    database.execute(&format!("update bot_channel_scan_runs set status = 'paused' where id = '{run}'")).await;
    run
}

#[tokio::test]
async fn a_status_of_a_newer_release_is_read_unchanged() {
    let database = TestDatabase::new().await;
    let run = paused_run(&database).await;

    let read = db::get_scan_run(&*database, run).await.unwrap().unwrap();
    let listed = db::get_scan_runs(&*database, read.channel_id, 10).await.unwrap();

    assert_eq!(read.status, ScanStatus::Unknown("paused".into()));
    assert_eq!(read.status.to_string(), "paused");
    assert_eq!(listed, [read]);
}

#[tokio::test]
async fn a_run_with_a_status_of_a_newer_release_is_neither_started_nor_finished() {
    let database = TestDatabase::new().await;
    let run = paused_run(&database).await;
    let before = db::get_scan_run(&*database, run).await.unwrap();

    assert!(!db::mark_scan_started(&*database, run).await.unwrap());
    assert!(!db::mark_scan_succeeded(&*database, run).await.unwrap());
    assert!(!db::mark_scan_failed(&*database, run, "reason").await.unwrap());
    assert!(!db::mark_scan_canceled(&*database, run).await.unwrap());

    assert_eq!(db::get_scan_run(&*database, run).await.unwrap(), before);
}

#[tokio::test]
async fn progress_is_added_to_a_run_with_a_status_of_a_newer_release() {
    let database = TestDatabase::new().await;
    let run = paused_run(&database).await;

    db::update_scan_progress(&*database, run, ScanIncrement::scanned(100).with_matched(7)).await.unwrap();

    let read = db::get_scan_run(&*database, run).await.unwrap().unwrap();
    assert_eq!((read.messages_scanned, read.messages_matched), (100, 7));
    assert_eq!(read.status, ScanStatus::Unknown("paused".into()));
}

#[tokio::test]
async fn writes_do_not_change_columns_that_a_newer_release_has_added() {
    let database = TestDatabase::new().await;
    let run = queued_run(&database, reading_channel(&database).await).await;
    let (user, guild) = (user(&database, 1).await, GuildId::from(1001));
    db::set_guild_settings(&*database, guild, &json("{}")).await.unwrap();
    database.execute(NEWER).await;
    let tables = ["users", "bot_guilds", "guild_settings", "bot_channels", "bot_channel_scan_runs"];
    for table in tables {
        database.execute(&format!("update {table} set added_later = 'kept'")).await;
    }

    let channels = vec![ChannelSnapshot::new(2001.into(), "renamed", "text")];
    let snapshot = changed!(GuildSnapshot::new(guild, "renamed"), owner_user_id = Some(user), channels);
    db::upsert_user(&*database, &UserSnapshot::new(user, "renamed")).await.unwrap();
    db::sync_guild(&*database, &snapshot).await.unwrap();
    db::set_guild_settings(&*database, guild, &json(r#"{"a": 1}"#)).await.unwrap();
    db::mark_scan_started(&*database, run).await.unwrap();

    for table in tables {
        assert_eq!(database.text(&format!("select added_later from {table}")).await, "kept", "{table}");
    }
    assert_eq!(database.text("select name from bot_channels").await, "renamed");
}
