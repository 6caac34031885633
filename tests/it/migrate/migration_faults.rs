//! Faults while a program migrates: it is killed, other sessions hold locks that it needs, other programs wait for it. The
//! programs are processes of the later release's binary. Its first file pauses while a table `clip_test_pause` exists.

use std::time::Duration;

use tokio::process::Child;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::migrate::migration_races::{HISTORY, INDEXES, later_program, migrating, program, succeeded};
use crate::support::{TestDatabase, connect, value};

/// A query for whether the number of migrating sessions in a state meets a condition, such as `> 0`.
macro_rules! sessions {
    ($number:literal, $state:literal) => {
        concat!(
            "select count(*) ",
            $number,
            " from pg_stat_activity where datname = current_database() and application_name = 'clip-saver-db migration' and ",
            $state
        )
    };
}

const PAUSES: &str = sessions!("> 0", "wait_event = 'PgSleep'");
const WAITS_FOR_LOCK: &str = sessions!("> 0", "wait_event_type = 'Lock'");
const HAS_A_SESSION: &str = sessions!("> 0", "true");
const HAS_INVALID_INDEX: &str = "select count(*) > 0 from pg_index where not indisvalid";

/// Whether another session is at work, and the statement that cancels it.
const WORKS: &str =
    "select count(*) > 0 from pg_stat_activity where datname = current_database() and query ~ '^select pg_sleep'
    and state = 'active'";
const CANCEL_WORK: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ~ '^select pg_sleep'";

/// Undoes what the later release does after its first file.
const WITHOUT_INDEXES: &str = "drop index idx_bot_channels_note, idx_notes_note;
    delete from refinery_schema_history where version > 9001";

/// A database that is up to date for this release, and a session that observes it.
struct MigrationSetup {
    database: TestDatabase,
    watcher: Client,
}

impl MigrationSetup {
    async fn new(sql: &str) -> Self {
        let database = TestDatabase::new().await;
        let watcher = connect(&database.url()).await;
        watcher.batch_execute(sql).await.unwrap();
        Self { database, watcher }
    }

    /// A database that the later release has migrated, without its two indexes.
    async fn before_indexes() -> Self {
        let setup = Self::new("").await;
        setup.assert_succeeds(setup.start_later()).await;
        setup.watcher.batch_execute(WITHOUT_INDEXES).await.unwrap();
        setup
    }

    fn start_later(&self) -> Child {
        migrating(later_program(), &self.database.url()).spawn().unwrap()
    }

    async fn assert_succeeds(&self, program: Child) {
        succeeded(&with_timeout(program.wait_with_output()).await.unwrap());
    }

    async fn wait_until(&self, condition: &str) {
        self.wait_until_is(condition, "t").await;
    }

    async fn wait_until_not(&self, condition: &str) {
        self.wait_until_is(condition, "f").await;
    }

    async fn wait_until_is(&self, condition: &str, wanted: &str) {
        let asking = async {
            while value(&self.watcher, condition).await.as_deref() != Some(wanted) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_mins(1), asking).await.unwrap_or_else(|_| panic!("never {wanted}: {condition}"));
    }

    /// Checks that every file was applied. Each was applied once: a second time would have failed.
    async fn assert_migrated(&self) {
        let history = self.database.text(HISTORY).await;
        assert!(history.ends_with(",9001,9002,9003"), "{history}");
        assert_eq!(self.database.text(INDEXES).await, "idx_bot_channels_note,idx_notes_note");
        assert_eq!(self.database.value("select to_regclass('notes')").await.as_deref(), Some("notes"));
    }

    /// A session that has run this SQL. Its transaction stays open until it is dropped.
    async fn open_transaction(&self, sql: &str) -> Client {
        let client = connect(&self.database.url()).await;
        client.batch_execute(&format!("begin; {sql}")).await.unwrap();
        client
    }
}

/// Waits longer than anything here takes, so that a hanging future fails the test.
async fn with_timeout<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), future).await.expect("the future hangs")
}

/// `kill -9`.
async fn kill(mut program: Child) {
    program.kill().await.unwrap();
}

#[tokio::test]
async fn a_program_that_was_killed_in_the_middle_of_a_file_starts_again_and_applies_it_once() {
    let setup = MigrationSetup::new("create table clip_test_pause ()").await;
    let first = setup.start_later();
    setup.wait_until(PAUSES).await;

    kill(first).await;
    setup.wait_until_not(HAS_A_SESSION).await;
    let history = setup.database.text(HISTORY).await;
    setup.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    setup.assert_succeeds(setup.start_later()).await;

    assert!(!history.contains("9001"), "{history}");
    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_waiting_program_takes_over_when_the_migrating_one_is_killed() {
    let setup = MigrationSetup::new("create table clip_test_pause ()").await;
    let first = setup.start_later();
    setup.wait_until(PAUSES).await;
    let others = [setup.start_later(), setup.start_later()];
    setup.wait_until(sessions!("= 3", "true")).await;

    kill(first).await;
    setup.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    for other in others {
        setup.assert_succeeds(other).await;
    }

    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_program_that_was_killed_while_it_built_an_index_drops_the_invalid_index_and_builds_it_again() {
    let setup = MigrationSetup::before_indexes().await;
    let writer = setup.open_transaction("lock table bot_channels in row exclusive mode").await;
    // At work: before an idle transaction has ended, the index is not begun.
    let working = tokio::spawn(async move { writer.batch_execute("select pg_sleep(3600)").await });
    setup.wait_until(WORKS).await;
    let first = setup.start_later();
    setup.wait_until(HAS_INVALID_INDEX).await;
    setup.wait_until(WAITS_FOR_LOCK).await;

    kill(first).await;
    setup.wait_until_not(HAS_A_SESSION).await;
    let left = value(&setup.watcher, HAS_INVALID_INDEX).await;
    let second = setup.start_later();
    setup.wait_until(WAITS_FOR_LOCK).await; // to drop the index
    setup.watcher.batch_execute(CANCEL_WORK).await.unwrap();
    working.await.unwrap().unwrap_err();
    setup.assert_succeeds(second).await;

    assert_eq!(left.as_deref(), Some("t"));
    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_program_that_was_killed_between_building_and_recording_an_index_starts_again() {
    let setup = MigrationSetup::before_indexes().await;
    setup.assert_succeeds(setup.start_later()).await;
    setup.watcher.batch_execute("delete from refinery_schema_history where version > 9001").await.unwrap();

    setup.assert_succeeds(setup.start_later()).await;

    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_migration_tries_again_to_get_a_lock_until_the_lock_is_free() {
    let setup = MigrationSetup::new("").await;
    let holder = setup.open_transaction("lock table bot_channels in access exclusive mode").await;
    let program = setup.start_later();
    setup.wait_until(WAITS_FOR_LOCK).await;
    setup.wait_until_not(WAITS_FOR_LOCK).await; // it has stopped waiting
    setup.wait_until(WAITS_FOR_LOCK).await; // it tries again

    drop(holder);
    let output = with_timeout(program.wait_with_output()).await.unwrap();

    succeeded(&output);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("V9001__notes has waited "), "{complaints}");
    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_migration_that_waits_for_a_long_reader_blocks_other_readers_for_the_lock_timeout_at_most() {
    let setup = MigrationSetup::new("").await;
    let reader = setup.open_transaction("select from bot_channels").await;
    let first = setup.start_later();
    setup.wait_until(WAITS_FOR_LOCK).await;

    // Queues after the migration, which waits for the first reader.
    let second_reader = connect(&setup.database.url()).await;
    let read = timeout(Duration::from_secs(10), second_reader.batch_execute("select from bot_channels")).await;

    read.expect("the migration leaves the lock queue").unwrap();
    assert_eq!(value(&setup.watcher, HISTORY).await.as_deref().map(|history| history.contains("9001")), Some(false));
    let second = setup.start_later();
    setup.wait_until(sessions!("= 2", "true")).await;
    drop(reader);
    setup.assert_succeeds(first).await;
    setup.assert_succeeds(second).await;
    setup.assert_migrated().await;
}

#[tokio::test]
async fn programs_that_wait_for_another_program_keep_no_transaction_or_lock_request_open() {
    let setup = MigrationSetup::new("create table clip_test_pause ()").await;
    let first = setup.start_later();
    setup.wait_until(PAUSES).await;
    let others = [(); 7].map(|()| setup.start_later());
    setup.wait_until(sessions!("= 8", "true")).await;

    let holding = sessions!("> 0", "(wait_event = 'advisory' or state like 'idle in transaction%')");
    for _ in 0..200 {
        assert_eq!(value(&setup.watcher, holding).await.as_deref(), Some("f"));
        sleep(Duration::from_millis(5)).await;
    }

    setup.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    setup.assert_succeeds(first).await;
    for other in others {
        setup.assert_succeeds(other).await;
    }
    setup.assert_migrated().await;
}

#[tokio::test]
async fn a_program_that_is_up_to_date_does_not_wait_for_one_that_migrates() {
    let setup = MigrationSetup::new("create table clip_test_pause ()").await;
    let later = setup.start_later();
    setup.wait_until(PAUSES).await;

    let output = with_timeout(migrating(program(), &setup.database.url()).output()).await.unwrap();

    assert_eq!(succeeded(&output), "up to date\n");
    kill(later).await;
}

#[tokio::test]
async fn an_up_to_date_database_needs_only_a_role_with_read_only_transactions() {
    let setup = MigrationSetup::new("").await;
    let role = &setup.database.name;
    let sql = format!(
        "create role {role} login; grant select on refinery_schema_history to {role};
         alter role {role} set default_transaction_read_only = on"
    );
    setup.watcher.batch_execute(&sql).await.unwrap();
    let url = setup.database.url().replace("postgres@", &format!("{role}@"));

    let output = migrating(program(), &url).output().await.unwrap();

    assert_eq!(succeeded(&output), "up to date\n");
    setup.watcher.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}
