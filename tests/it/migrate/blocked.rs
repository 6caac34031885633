//! Migrations that other sessions hold back: they are named, waited for, and ended if asked. A client that has read in an
//! open transaction stands for a psycopg3 program, which sits idle in transaction for ever.

use std::time::Duration;

use clip_saver_db::migrate::{self, BlockingSession, Progress, Waiting};
use clip_saver_db::{Config, Db, Error, ErrorKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::migrate::adoption::existing;
use crate::support::races::{TEST_TIMEOUT, wait_for_value};
use crate::support::{TestDatabase, applied, backend_pid, connect, versions};

/// A writer that holds back V2, which makes plain indexes.
pub const WRITER: &str = "begin; lock table bot_guilds in row exclusive mode";

/// A migration that runs, with what it reports.
pub struct Migrating {
    pub reports: UnboundedReceiver<Progress>,
    task: JoinHandle<Result<(), Error>>,
}

impl Migrating {
    pub async fn start(database: &TestDatabase, limit: Duration, end_idle: Option<Duration>) -> Self {
        Self::at(&database.url(), limit, end_idle).await
    }

    pub async fn at(url: &str, limit: Duration, end_idle: Option<Duration>) -> Self {
        let mut config: Config = url.parse().unwrap();
        config.migration_timeout = Some(limit);
        let db = Db::connect(config).await.unwrap();
        let (sender, reports) = unbounded_channel();
        let report = move |step| sender.send(step).unwrap_or_default();
        let task = tokio::spawn(async move {
            match end_idle {
                Some(at_least) => migrate::apply_ending_idle(&db, at_least, report).await,
                None => migrate::apply(&db, report).await,
            }
        });
        Self { reports, task }
    }

    pub async fn next(&mut self) -> Progress {
        timeout(TEST_TIMEOUT, self.reports.recv()).await.expect("it reports").expect("it goes on")
    }

    /// The next wait that it reports.
    pub async fn waiting(&mut self) -> Waiting {
        loop {
            if let Progress::Waiting(waiting) = self.next().await {
                return waiting;
            }
        }
    }

    pub async fn result(self) -> Result<(), Error> {
        timeout(TEST_TIMEOUT, self.task).await.expect("it ends").unwrap()
    }

    /// The error, after it has waited for too long.
    pub async fn gave_up(self) -> String {
        let error = self.result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Migration, "{error}");
        error.to_string()
    }
}

pub const SHORT: Duration = Duration::from_secs(2);
pub const LONG: Duration = Duration::from_mins(10);

/// Reads as psycopg3 does, with parameters: the session keeps its snapshot until its next statement.
pub async fn idle_reader(database: &TestDatabase) -> (Client, i32) {
    let client = connect(&database.url()).await;
    client.batch_execute("set application_name = 'a psycopg3 program'; begin").await.unwrap();
    let pid = backend_pid(&client).await;
    client.query("select from bot_channels where guild_id = $1 or name = 'se' || 'cret'", &[&"1"]).await.unwrap();
    (client, pid)
}

/// A session that holds what this SQL takes.
pub async fn idle(database: &TestDatabase, sql: &str) -> (Client, i32) {
    let client = connect(&database.url()).await;
    let pid = backend_pid(&client).await;
    client.batch_execute(sql).await.unwrap();
    (client, pid)
}

/// A transaction that is at work, with a snapshot.
async fn active(database: &TestDatabase, sql: &'static str) -> (JoinHandle<()>, i32) {
    let (client, pid) = idle(database, "begin isolation level repeatable read").await;
    let task = tokio::spawn(async move {
        client.batch_execute(&format!("{sql}; select pg_sleep(3600)")).await.unwrap_err();
    });
    let sleeps = format!("select wait_event from pg_stat_activity where pid = {pid}");
    wait_for_value(database, &sleeps, "PgSleep").await;
    (task, pid)
}

async fn end(database: &TestDatabase, pid: i32) {
    database.execute(&format!("select pg_terminate_backend({pid})")).await;
}

pub async fn is_alive(database: &TestDatabase, pid: i32) -> bool {
    database.text(&format!("select exists (select from pg_stat_activity where pid = {pid})")).await == "t"
}

const INVALID: &str = "select string_agg(indexrelid::regclass::text, ',') from pg_index where not indisvalid";

#[track_caller]
fn assert_named(waiting: &Waiting, file: &str, pid: i32, state: &str) -> BlockingSession {
    assert_eq!(waiting.file.as_deref(), Some(file), "{waiting}");
    let [session] = &waiting.sessions[..] else { panic!("one session blocks: {waiting}") };
    assert_eq!((session.pid, session.state.as_deref()), (pid, Some(state)), "{waiting}");
    assert!(waiting.to_string().contains(&format!("pid {pid} (")), "{waiting}");
    session.clone()
}

#[tokio::test]
async fn a_file_that_has_to_wait_names_the_session_and_is_applied_when_the_session_is_gone() {
    let database = existing("").await;
    let (writer, pid) = idle(&database, WRITER).await;
    let mut migrating = Migrating::start(&database, LONG, None).await;

    let session = assert_named(&migrating.waiting().await, "V2__indexes_for_queries", pid, "idle in transaction");

    assert_eq!((session.user.as_str(), session.query.as_deref()), ("postgres", Some(WRITER)));
    assert!(session.since.is_some());
    drop(writer);
    migrating.result().await.unwrap();
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn a_file_that_waits_for_too_long_is_not_recorded_and_the_error_says_what_to_do() {
    let database = existing("").await;
    let (_writer, pid) = idle(&database, WRITER).await;

    let error = Migrating::start(&database, SHORT, None).await.gave_up().await;

    let told = [
        "V2__indexes_for_queries was not applied: other sessions hold it back, and DB_MIGRATION_TIMEOUT (2s) is over: ",
        &format!("pid {pid} (\"\" of user postgres from "),
        "idle in transaction for ",
        "last statement: begin; lock table bot_guilds",
        &format!("`select pg_terminate_backend({pid})`"),
        "`clip-db migrate --end-idle-in-transaction 30s`",
    ];
    for part in told {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert_eq!(applied(&database).await, [1]);
    assert!(is_alive(&database, pid).await);
}

#[tokio::test]
async fn a_concurrent_index_waits_for_an_idle_reader_before_it_is_begun_and_leaves_nothing_behind() {
    let database = existing("").await;
    let (_reader, pid) = idle_reader(&database).await;
    let mut migrating = Migrating::start(&database, SHORT, None).await;

    let waiting = migrating.waiting().await;
    let session = assert_named(&waiting, "V3__index_reading_channels", pid, "idle in transaction");

    assert_eq!(session.application_name, "a psycopg3 program");
    let shown = session.query.as_deref().unwrap();
    assert_eq!(shown, "select from bot_channels where guild_id = $1 or name = ...", "no literal is shown");
    assert_eq!(
        database.text("select count(*) from pg_indexes where indexname = 'idx_bot_channels_work_order'").await,
        "0"
    );
    let error = migrating.gave_up().await;
    assert!(error.contains("V3__index_reading_channels was not applied"), "{error}");
    assert_eq!(applied(&database).await, [1, 2]);
    assert_eq!(database.value(INVALID).await, None);
}

#[tokio::test]
async fn a_concurrent_index_is_built_when_the_idle_reader_is_gone() {
    let database = existing("").await;
    let (reader, _) = idle_reader(&database).await;
    let mut migrating = Migrating::start(&database, LONG, None).await;
    migrating.waiting().await;

    drop(reader);

    migrating.result().await.unwrap();
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn an_invalid_index_is_dropped_when_a_transaction_at_work_holds_it_back_for_too_long() {
    let database = existing("").await;
    let (_task, pid) = active(&database, "select from users").await;
    let mut migrating = Migrating::start(&database, SHORT, Some(Duration::ZERO)).await;

    assert_named(&migrating.waiting().await, "V3__index_reading_channels", pid, "active");
    let had = database.value(INVALID).await;
    let error = migrating.gave_up().await;

    assert_eq!(had.as_deref(), Some("idx_bot_channels_work_order"));
    assert!(error.contains("V3__index_reading_channels was not applied") && !error.contains("INVALID"), "{error}");
    assert!(!error.contains("--end-idle-in-transaction"), "nobody is idle: {error}");
    assert_eq!(database.value(INVALID).await, None);
    assert_eq!(applied(&database).await, [1, 2]);
    assert!(is_alive(&database, pid).await, "a session at work is never ended");
    end(&database, pid).await;
}

#[tokio::test]
async fn an_invalid_index_that_cannot_be_dropped_is_named_and_the_next_migration_drops_it() {
    let database = existing("").await;
    let (task, pid) = active(&database, "select from bot_channels").await;

    let error = Migrating::start(&database, SHORT, None).await.gave_up().await;

    assert!(error.contains("has left an INVALID index, which could not be dropped"), "{error}");
    assert!(error.contains("`drop index concurrently public.idx_bot_channels_work_order`"), "{error}");
    assert_eq!(database.value(INVALID).await.as_deref(), Some("idx_bot_channels_work_order"));
    end(&database, pid).await;
    task.await.unwrap();
    database.migrate().await.unwrap();
    assert_eq!(database.value(INVALID).await, None);
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn an_invalid_index_is_dropped_when_the_statement_is_canceled() {
    let database = existing("").await;
    let (_task, pid) = active(&database, "select from users").await;
    let mut migrating = Migrating::start(&database, LONG, None).await;
    migrating.waiting().await;

    let cancel = "select pg_cancel_backend(pid) from pg_stat_activity
                  where datname = current_database() and query ~ 'create index concurrently' and wait_event = 'virtualxid'";
    database.execute(cancel).await;
    let error = migrating.result().await.unwrap_err();

    assert_eq!(error.sqlstate(), Some("57014"), "{error}");
    assert_eq!(database.value(INVALID).await, None);
    assert_eq!(applied(&database).await, [1, 2]);
    end(&database, pid).await;
}

#[tokio::test]
async fn the_program_that_is_migrating_is_named_to_those_that_wait_for_it() {
    let database = existing("").await;
    let (writer, pid) = idle(&database, WRITER).await;
    let mut first = Migrating::start(&database, LONG, None).await;
    let waits = first.waiting().await;

    let mut second = Migrating::start(&database, LONG, None).await;
    let waiting = second.waiting().await;
    let error = Migrating::start(&database, SHORT, None).await.gave_up().await;

    assert_eq!((waits.sessions[0].pid, waiting.file.as_deref()), (pid, None));
    assert_eq!(waiting.sessions[0].application_name, "clip-saver-db migration");
    assert!(error.contains("another program is migrating, and DB_MIGRATION_TIMEOUT (2s) is over: pid "), "{error}");
    drop(writer);
    first.result().await.unwrap();
    second.result().await.unwrap();
    assert_eq!(applied(&database).await, versions());
}
