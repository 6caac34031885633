//! What may happen to a program while it migrates: it is killed, others hold what it must lock, others wait for it. With
//! processes of the later release's binary, whose first file pauses while a table `clip_test_pause` is there.

use std::time::Duration;

use tokio::process::Child;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::migrate::migration_races::{HISTORY, INDEXES, later_program, migrating, program, succeeded};
use crate::support::{TestDatabase, connect, value};

/// Asks whether so many (`> 0`) sessions that migrate this database are in a state.
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

/// Undoes what the later release has done after its first file.
const WITHOUT_INDEXES: &str = "drop index idx_bot_channels_note, idx_notes_note;
    delete from refinery_schema_history where version > 9001";

/// A database, up to date for this release, and a session to look at it.
struct Scene {
    database: TestDatabase,
    watcher: Client,
}

impl Scene {
    async fn new(sql: &str) -> Self {
        let database = TestDatabase::new().await;
        let watcher = connect(&database.url()).await;
        watcher.batch_execute(sql).await.unwrap();
        Self { database, watcher }
    }

    /// One that the later release has migrated, its two indexes taken away again.
    async fn before_indexes() -> Self {
        let scene = Self::new("").await;
        scene.comes_up(scene.start_later()).await;
        scene.watcher.batch_execute(WITHOUT_INDEXES).await.unwrap();
        scene
    }

    fn start_later(&self) -> Child {
        migrating(later_program(), &self.database.url()).spawn().unwrap()
    }

    async fn comes_up(&self, program: Child) {
        succeeded(&soon(program.wait_with_output()).await.unwrap());
    }

    async fn until(&self, condition: &str) {
        self.until_is(condition, "t").await;
    }

    async fn until_not(&self, condition: &str) {
        self.until_is(condition, "f").await;
    }

    async fn until_is(&self, condition: &str, wanted: &str) {
        let asking = async {
            while value(&self.watcher, condition).await.as_deref() != Some(wanted) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_mins(1), asking).await.unwrap_or_else(|_| panic!("never {wanted}: {condition}"));
    }

    /// All of it, once: a second time would have failed.
    async fn is_migrated(&self) {
        let history = self.database.text(HISTORY).await;
        assert!(history.ends_with(",9001,9002,9003"), "{history}");
        assert_eq!(self.database.text(INDEXES).await, "idx_bot_channels_note,idx_notes_note");
        assert_eq!(self.database.value("select to_regclass('notes')").await.as_deref(), Some("notes"));
    }

    /// A session that has done this and leaves its transaction open, until it is dropped.
    async fn open_transaction(&self, sql: &str) -> Client {
        let client = connect(&self.database.url()).await;
        client.batch_execute(&format!("begin; {sql}")).await.unwrap();
        client
    }
}

/// Longer than anything here takes, so that what hangs fails.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), future).await.expect("it hangs")
}

/// `kill -9`.
async fn kill(mut program: Child) {
    program.kill().await.unwrap();
}

#[tokio::test]
async fn killed_in_the_middle_of_a_file_it_starts_again_and_applies_it_once() {
    let scene = Scene::new("create table clip_test_pause ()").await;
    let first = scene.start_later();
    scene.until(PAUSES).await;

    kill(first).await;
    scene.until_not(HAS_A_SESSION).await;
    let history = scene.database.text(HISTORY).await;
    scene.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    scene.comes_up(scene.start_later()).await;

    assert!(!history.contains("9001"), "{history}");
    scene.is_migrated().await;
}

#[tokio::test]
async fn when_the_one_that_migrates_is_killed_one_that_waits_takes_over() {
    let scene = Scene::new("create table clip_test_pause ()").await;
    let first = scene.start_later();
    scene.until(PAUSES).await;
    let others = [scene.start_later(), scene.start_later()];
    scene.until(sessions!("= 3", "true")).await;

    kill(first).await;
    scene.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    for other in others {
        scene.comes_up(other).await;
    }

    scene.is_migrated().await;
}

#[tokio::test]
async fn killed_while_it_builds_an_index_it_takes_the_invalid_one_away_and_builds_it_again() {
    let scene = Scene::before_indexes().await;
    let writer = scene.open_transaction("lock table bot_channels in row exclusive mode").await;
    let first = scene.start_later();
    scene.until(HAS_INVALID_INDEX).await;
    scene.until(WAITS_FOR_LOCK).await;

    kill(first).await;
    scene.until_not(HAS_A_SESSION).await;
    let left = value(&scene.watcher, HAS_INVALID_INDEX).await;
    let second = scene.start_later();
    scene.until(WAITS_FOR_LOCK).await; // to take it away
    drop(writer);
    scene.comes_up(second).await;

    assert_eq!(left.as_deref(), Some("t"));
    scene.is_migrated().await;
}

#[tokio::test]
async fn killed_between_building_an_index_and_recording_it_it_starts_again() {
    let scene = Scene::before_indexes().await;
    scene.comes_up(scene.start_later()).await;
    scene.watcher.batch_execute("delete from refinery_schema_history where version > 9001").await.unwrap();

    scene.comes_up(scene.start_later()).await;

    scene.is_migrated().await;
}

#[tokio::test]
async fn a_lock_that_another_holds_is_asked_for_again_until_it_is_free() {
    let scene = Scene::new("").await;
    let holder = scene.open_transaction("lock table bot_channels in access exclusive mode").await;
    let program = scene.start_later();
    scene.until(WAITS_FOR_LOCK).await;
    scene.until_not(WAITS_FOR_LOCK).await; // it has given up
    scene.until(WAITS_FOR_LOCK).await; // and tries again

    drop(holder);
    let output = soon(program.wait_with_output()).await.unwrap();

    succeeded(&output);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("other sessions hold locks that this migration needs, trying again"), "{complaints}");
    scene.is_migrated().await;
}

#[tokio::test]
async fn a_reader_that_stays_makes_others_wait_no_longer_than_the_lock_timeout() {
    let scene = Scene::new("").await;
    let reader = scene.open_transaction("select from bot_channels").await;
    let first = scene.start_later();
    scene.until(WAITS_FOR_LOCK).await;

    // Behind the migration, which is behind the reader.
    let second_reader = connect(&scene.database.url()).await;
    let read = timeout(Duration::from_secs(10), second_reader.batch_execute("select from bot_channels")).await;

    read.expect("the migration gives up its place in the queue").unwrap();
    assert_eq!(value(&scene.watcher, HISTORY).await.as_deref().map(|history| history.contains("9001")), Some(false));
    let second = scene.start_later();
    scene.until(sessions!("= 2", "true")).await;
    drop(reader);
    scene.comes_up(first).await;
    scene.comes_up(second).await;
    scene.is_migrated().await;
}

#[tokio::test]
async fn programs_that_wait_for_another_hold_nothing_open_in_the_database() {
    let scene = Scene::new("create table clip_test_pause ()").await;
    let first = scene.start_later();
    scene.until(PAUSES).await;
    let others = [(); 7].map(|()| scene.start_later());
    scene.until(sessions!("= 8", "true")).await;

    let holding = sessions!("> 0", "(wait_event = 'advisory' or state like 'idle in transaction%')");
    for _ in 0..200 {
        assert_eq!(value(&scene.watcher, holding).await.as_deref(), Some("f"));
        sleep(Duration::from_millis(5)).await;
    }

    scene.watcher.batch_execute("drop table clip_test_pause").await.unwrap();
    scene.comes_up(first).await;
    for other in others {
        scene.comes_up(other).await;
    }
    scene.is_migrated().await;
}

#[tokio::test]
async fn with_nothing_to_do_a_program_does_not_wait_for_one_that_migrates() {
    let scene = Scene::new("create table clip_test_pause ()").await;
    let later = scene.start_later();
    scene.until(PAUSES).await;

    let output = soon(migrating(program(), &scene.database.url()).output()).await.unwrap();

    assert_eq!(succeeded(&output), "up to date\n");
    kill(later).await;
}

#[tokio::test]
async fn with_nothing_to_do_a_role_whose_transactions_are_read_only_is_enough() {
    let scene = Scene::new("").await;
    let role = &scene.database.name;
    let sql = format!(
        "create role {role} login; grant select on refinery_schema_history to {role};
         alter role {role} set default_transaction_read_only = on"
    );
    scene.watcher.batch_execute(&sql).await.unwrap();
    let url = scene.database.url().replace("postgres@", &format!("{role}@"));

    let output = migrating(program(), &url).output().await.unwrap();

    assert_eq!(succeeded(&output), "up to date\n");
    scene.watcher.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}
