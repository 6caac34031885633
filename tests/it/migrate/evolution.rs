//! A newer release has changed the schema: this program reads and writes on.

use clip_saver_db::{
    ChannelSnapshot, Config, Db, GuildId, GuildSnapshot, ScanIncrement, ScanRunId, ScanStatus, UserSnapshot,
    repositories as db,
};

use crate::support::every_function::{Rows, call_and_undo, names};
use crate::support::{TestDatabase, backend_pid, changed, json, queued_run, reading_channel, user};

/// What a newer release may do: a status, a column in each table, an index less, an entry in the history.
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
  insert into refinery_schema_history (version, name, applied_on, checksum)
  values (99, 'future', '2030-01-01T00:00:00Z', '1');
";

/// A pool of one connection: what it has prepared, the next call uses.
async fn one_connection(database: &TestDatabase) -> Db {
    let mut config: Config = database.url().parse().unwrap();
    config.pool_max = 1;
    Db::connect(config).await.unwrap()
}

async fn calls_every_function(db: &Db, rows: &Rows, when: &str) {
    for name in names() {
        let called = call_and_undo(&name, db, rows).await;
        assert!(matches!(called, Ok(true)), "{name}, {when}: {called:?}");
    }
}

async fn backend(db: &Db) -> i32 {
    backend_pid(&db.connection().await.unwrap()).await
}

#[tokio::test]
async fn every_function_works_on_when_a_newer_release_changes_the_schema() {
    let database = TestDatabase::new().await;
    let rows = Rows::store(&database).await;
    let open_before = one_connection(&database).await;
    calls_every_function(&open_before, &rows, "before").await;
    let prepared_on = backend(&open_before).await;

    database.execute(NEWER).await;

    calls_every_function(&open_before, &rows, "on a session that is older than the change").await;
    assert_eq!(backend(&open_before).await, prepared_on, "no session was lost by it");
    let open_after = one_connection(&database).await;
    open_after.migrate().await.unwrap();
    calls_every_function(&open_after, &rows, "on a session that is newer").await;
}

/// A run with a status that only the newer release knows.
async fn paused_run(database: &TestDatabase) -> ScanRunId {
    let run = queued_run(database, reading_channel(database).await).await;
    database.execute(NEWER).await;
    database.execute(&format!("update bot_channel_scan_runs set status = 'paused' where id = '{run}'")).await;
    run
}

#[tokio::test]
async fn a_status_of_a_newer_release_is_read_as_it_is() {
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
async fn a_run_with_a_status_of_a_newer_release_is_counted_on() {
    let database = TestDatabase::new().await;
    let run = paused_run(&database).await;

    db::update_scan_progress(&*database, run, ScanIncrement::scanned(100).with_matched(7)).await.unwrap();

    let read = db::get_scan_run(&*database, run).await.unwrap().unwrap();
    assert_eq!((read.messages_scanned, read.messages_matched), (100, 7));
    assert_eq!(read.status, ScanStatus::Unknown("paused".into()));
}

#[tokio::test]
async fn writes_leave_alone_what_a_newer_release_has_added_to_a_row() {
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
