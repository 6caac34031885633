//! Opening, exhausting and closing the pool.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clip_saver_db::{Config, Db, Error, ErrorKind, GuildId, close_db, repositories as db};
use tokio::sync::oneshot;

use crate::support::{Server, TestDatabase, config, create_database, free_port, guild};

fn no_guild() -> GuildId {
    GuildId::from(404)
}

#[tokio::test]
async fn connecting_waits_for_a_server_that_starts_later_and_logs_each_attempt() {
    let port = free_port();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (starts, start) = oneshot::channel();
    let server = tokio::task::spawn_blocking(move || {
        start.blocking_recv().unwrap();
        Server::start(&["listen_addresses=localhost", &format!("port={port}")])
    });

    let config: Config = format!("postgresql://postgres@localhost:{port}/postgres").parse().unwrap();
    let connecting = Db::connect(config);
    let starting = async {
        log.holds("cannot connect to PostgreSQL yet").await;
        starts.send(()).unwrap();
    };
    let (database, ()) = tokio::join!(connecting, starting);

    assert!(database.is_ok(), "{database:?}");
    drop(server.await.unwrap());
}

#[tokio::test]
async fn connecting_stops_waiting_for_a_server_that_never_starts() {
    let mut config: Config = "postgresql://postgres@%2Fnowhere/postgres".parse().unwrap();
    config.connect_timeout = Duration::from_millis(300);

    let error = Db::connect(config).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Connection && error.function() == Some("connect"), "{error}");
    assert!(error.is_retryable() && error.to_string().ends_with("(at /nowhere, port 5432)"), "{error}");
}

#[tokio::test]
async fn a_missing_database_is_reported_at_once_with_the_servers_message() {
    let error = Db::connect(config("no_such_database")).await.unwrap_err();

    assert_eq!(error.sqlstate(), Some("3D000"));
    assert!(error.to_string().contains("\"no_such_database\" does not exist"), "{error}");
}

#[tokio::test]
async fn a_call_on_a_database_that_lacks_a_table_says_what_to_do() {
    let database = TestDatabase::new().await;
    database.execute("drop table install_intents").await;

    let error = db::get_install_intent(&*database, "state").await.unwrap_err();

    assert_eq!(error.sqlstate(), Some("42P01"));
    assert!(error.to_string().contains("; check that this version's migrations have run, DB_SCHEMA, "), "{error}");
}

#[tokio::test]
async fn a_call_fails_when_no_connection_comes_free() {
    let database = TestDatabase::new().await;
    let mut config = config(&database.name);
    config.pool_max = 1;
    config.acquire_timeout = Duration::from_millis(100);
    let small = Db::connect(config).await.unwrap();
    let held = small.connection().await.unwrap();

    let error = db::touch_guild(&small, no_guild()).await.unwrap_err();

    assert!(error.kind() == ErrorKind::PoolTimeout && error.function() == Some("touch_guild"), "{error}");
    assert!(error.to_string().contains("DB_POOL_MAX"), "{error}");
    drop(held);
    assert!(!db::touch_guild(&small, no_guild()).await.unwrap());
}

#[tokio::test]
async fn the_server_ends_a_statement_that_takes_too_long() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let mut config = config(&database.name);
    config.statement_timeout = Some(Duration::from_secs(1));
    let hurried = Db::connect(config).await.unwrap();
    let locking = database.begin().await.unwrap();
    db::touch_guild(&locking, guild).await.unwrap();

    let error = db::touch_guild(&hurried, guild).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Canceled, "{error}");
    assert_eq!(error.sqlstate(), Some("57014"));
}

#[tokio::test]
async fn closing_waits_for_running_calls_and_refuses_new_ones() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let locking = TestDatabase { name: String::new(), db: Db::connect(config(&database.name)).await.unwrap() };
    let lock = locking.begin().await.unwrap();
    db::touch_guild(&lock, guild).await.unwrap();
    let handle = database.db.clone();
    let running = tokio::spawn(async move { db::touch_guild(&handle, guild).await });
    until_blocked(&database).await;

    let handle = database.db.clone();
    let closing = tokio::spawn(async move { close_db(&handle).await });
    let refused = until_closed(&database).await;
    assert!(refused.kind() == ErrorKind::Closed && refused.function() == Some("touch_guild"), "{refused}");
    assert!(!closing.is_finished());

    lock.commit().await.unwrap();
    closing.await.unwrap();
    assert!(running.is_finished());
    assert!(running.await.unwrap().unwrap());
}

#[tokio::test]
async fn the_debug_output_of_the_pool_never_shows_a_password() {
    let name = create_database("").await;
    let secret = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };

    let shown = format!("{:?}", secret.db);

    assert!(shown.starts_with("Db { config: Config(host="), "{shown}");
    assert!(!shown.contains("password:"), "{shown}");
}

/// Waits until a session of the database waits for a lock.
async fn until_blocked(database: &TestDatabase) {
    let waiting =
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while database.text(waiting).await == "0" {}
}

async fn until_closed(database: &TestDatabase) -> Error {
    loop {
        match db::touch_guild(&database.db, no_guild()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => return error,
        }
    }
}

/// Everything that was logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Waits until this text was logged.
    pub async fn holds(&self, text: &str) {
        while !String::from_utf8_lossy(&self.0.lock().unwrap()).contains(text) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
