//! Where a password is from, and a running program whose password is changed.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clip_saver_db::{Config, Db, Error, ErrorKind, GenericClient as _};
use futures::future::{BoxFuture, join};
use tokio::time::timeout;

use super::connecting::Log;
use super::variables::TestFile;
use crate::migrate::password_server::{Password, PasswordServer};
use crate::support::backend_pid;
use crate::support::races::TEST_TIMEOUT;

/// A provider: answers that are given in turn, the last one again and again, and how often it was asked.
#[derive(Clone, Default)]
struct Provider {
    answers: Arc<Mutex<Vec<Result<String, String>>>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    fn of<const N: usize>(answers: [Result<&str, &str>; N]) -> Self {
        let provider = Self::default();
        provider.set(answers);
        provider
    }

    fn set<const N: usize>(&self, answers: [Result<&str, &str>; N]) {
        let answers = answers.map(|answer| answer.map(ToOwned::to_owned).map_err(ToOwned::to_owned));
        *self.answers.lock().unwrap() = answers.into();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn answer(&self) -> BoxFuture<'static, Result<String, io::Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async { answer.map_err(io::Error::other) })
    }

    fn config(&self, server: &PasswordServer) -> Config {
        let provider = self.clone();
        let config: Config = server.url_without_password().parse().unwrap();
        config.with_password_provider(move || provider.answer())
    }
}

async fn server() -> (PasswordServer, Password) {
    let password = Password::new();
    (PasswordServer::start(&password).await, password)
}

/// The configuration for variables, with the server's address.
fn with_variables(server: &PasswordServer, variables: &[(&str, &str)]) -> Config {
    let url = ("DATABASE_URL", server.url_without_password());
    let lookup = |name: &str| {
        let given = variables.iter().find(|(variable, _)| *variable == name);
        given.map(|(_, value)| (*value).to_owned()).or_else(|| (name == url.0).then(|| url.1.clone()))
    };
    Config::from_lookup(lookup).unwrap()
}

async fn connect(config: Config) -> Result<Db, Error> {
    Db::connect(config).await
}

#[tokio::test]
async fn a_running_program_uses_a_changed_password_file_for_new_connections_and_keeps_the_open_ones() {
    let (server, password) = server().await;
    let file = TestFile::new(&format!("{}\n", password.whole));
    let db = connect(with_variables(&server, &[("POSTGRES_PASSWORD_FILE", file.path())])).await.unwrap();
    let open = db.connection().await.unwrap();
    let pid = backend_pid(&open).await;

    server.change_password("changed").await;
    file.write("changed\r\n");
    let new = db.connection().await.unwrap();

    assert_ne!(backend_pid(&new).await, pid);
    assert_eq!(backend_pid(&open).await, pid);
    db.migrate().await.unwrap();
}

#[tokio::test]
async fn a_provider_is_asked_at_each_new_connection_also_of_a_migration() {
    let (server, password) = server().await;
    let provider = Provider::of([Ok(&password.whole)]);
    let db = connect(provider.config(&server)).await.unwrap();
    assert_eq!(provider.asked(), 1);
    let open = db.connection().await.unwrap();

    server.change_password("changed").await;
    provider.set([Ok("changed")]);
    let new = db.connection().await.unwrap();
    assert_eq!(provider.asked(), 2);
    db.migrate().await.unwrap();

    assert!(provider.asked() > 2);
    assert_ne!(backend_pid(&open).await, backend_pid(&new).await);
}

#[tokio::test]
async fn a_password_that_the_server_refuses_is_asked_for_once_more() {
    let (server, password) = server().await;

    let replaced = Provider::of([Ok("old"), Ok(&password.whole)]);
    assert!(connect(replaced.config(&server)).await.is_ok());
    assert_eq!(replaced.asked(), 2);

    let wrong = Provider::of([Ok("old")]);
    let error = connect(wrong.config(&server)).await.unwrap_err();
    assert_eq!((error.sqlstate(), wrong.asked()), (Some("28P01"), 2), "{error}");

    let fixed = connect(server.url("old").parse().unwrap()).await.unwrap_err();
    assert_eq!(fixed.sqlstate(), Some("28P01"));
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_as_a_server_that_is_away_and_then_named() {
    let (server, password) = server().await;
    let late = Provider::of([Err("not yet"), Err("not yet"), Ok(&password.whole)]);
    assert!(connect(late.config(&server)).await.is_ok());

    let mut config = Provider::of([Err("no token")]).config(&server);
    config.connect_timeout = Duration::from_millis(500);
    let error = connect(config).await.unwrap_err();

    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Password, true));
    let text = error.to_string();
    assert!(text.contains("Config::with_password_provider") && text.contains("no token"), "{text}");
}

#[tokio::test]
async fn a_provider_that_hangs_is_named_when_the_connect_timeout_is_over() {
    let (server, _) = server().await;
    let config: Config = server.url_without_password().parse().unwrap();
    let mut config = config.with_password_provider(std::future::pending::<Result<String, io::Error>>);
    config.connect_timeout = Duration::from_secs(1);

    let error = connect(config).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Password && error.to_string().contains("has not answered"), "{error}");
}

#[tokio::test]
async fn a_password_file_that_is_missing_for_a_moment_is_read_again() {
    let (server, password) = server().await;
    let file = TestFile::new(&password.whole);
    let config = with_variables(&server, &[("POSTGRES_PASSWORD_FILE", file.path())]);
    std::fs::remove_file(&file.0).unwrap();

    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let replacing = async {
        log.holds("cannot connect to PostgreSQL yet").await;
        file.write(&password.whole);
    };
    let both = timeout(TEST_TIMEOUT, join(connect(config), replacing)).await;

    assert!(matches!(both, Ok((Ok(_), ()))), "{both:?}");
}

#[tokio::test]
async fn a_missing_password_is_said_to_be_missing_and_where_to_put_it() {
    let (server, _) = server().await;
    let url: Config = server.url_without_password().parse().unwrap();
    let passfile = TestFile::new("elsewhere:*:*:*:x\n");
    for (config, advice) in [
        (url, "into the connection string"),
        (with_variables(&server, &[]), "POSTGRES_PASSWORD_FILE"),
        (with_variables(&server, &[("PGPASSFILE", passfile.path())]), "has no line for localhost:"),
        (with_variables(&server, &[("PGPASSFILE", "/nowhere/pgpass")]), "/nowhere/pgpass is not used: No such file"),
    ] {
        let error = connect(config).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Password, false));
        let text = error.to_string();
        assert!(text.contains("the server asks for a password, and none was given") && text.contains(advice), "{text}");
    }
}

#[cfg(feature = "cli")]
#[tokio::test]
async fn clip_db_does_not_look_for_the_server_when_the_password_is_missing() {
    let (server, _) = server().await;
    let mut clip_db = tokio::process::Command::new(env!("CARGO_BIN_EXE_clip-db"));
    let output = clip_db.arg("status").env_clear().env("DATABASE_URL", server.url_without_password()).output();

    let output = output.await.unwrap();

    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("none was given") && text.contains("`clip-db config`") && !text.contains("runs"), "{text}");
}

#[tokio::test]
async fn a_password_file_of_libpq_is_read_as_libpq_reads_it() {
    let (server, password) = server().await;
    let escaped = password.whole.replace('\\', r"\\").replace(':', r"\:");
    let port = server.port;
    for lines in [
        format!("localhost:{port}:clips:bot:{escaped}"),
        format!("# a comment\n\nlocalhost:1:*:*:wrong\r\n*:*:*:bot:{escaped}\r\n*:*:*:*:wrong"),
        format!(r"localhost:*:cl\ips:bo\t:{escaped}"),
        format!("*:*:*:*:{}", password.whole.replace('\\', r"\\")),
    ] {
        let file = TestFile::new(&lines);
        let config = with_variables(&server, &[("PGPASSFILE", file.path())]);
        assert!(connect(config).await.is_ok(), "{lines}");
        let option = format!("{}?passfile={}", server.url_without_password(), file.path().replace(' ', "%20"));
        assert!(connect(option.parse().unwrap()).await.is_ok(), "{lines}");
    }
    let changed = TestFile::new("*:*:*:*:wrong");
    let db_with = with_variables(&server, &[("PGPASSFILE", changed.path())]);
    changed.write(&format!("*:*:*:*:{escaped}"));
    assert!(connect(db_with).await.is_ok(), "it is read at each new connection");
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_file_that_others_can_read_is_not_used_and_the_error_says_so() {
    let (server, password) = server().await;
    let file = TestFile::new(&format!("*:*:*:*:{}", password.whole));
    file.permit(0o640);

    let error = connect(with_variables(&server, &[("PGPASSFILE", file.path())])).await.unwrap_err().to_string();

    assert!(error.contains(file.path()) && error.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn the_password_variables_fill_in_a_connection_string_without_one() {
    let (server, password) = server().await;
    for variable in ["POSTGRES_PASSWORD", "DB_PASSWORD", "PGPASSWORD"] {
        for end in ["", "\n", "\r\n"] {
            let value = format!("{}{end}", password.whole);
            assert!(connect(with_variables(&server, &[(variable, &value)])).await.is_ok(), "{variable} {end:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_password_in_quotes_or_with_white_space_is_described_and_not_shown() {
    let (server, _) = server().await;
    for (value, described) in [("\"hunter2\"", "in quotes"), (" hunter2", "white space"), ("hunter2", "")] {
        let error = connect(with_variables(&server, &[("POSTGRES_PASSWORD", value)])).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("28P01"));
        let text = format!("{error} {error:?}");
        assert!(text.contains(described) && !text.contains("hunter2"), "{text}");
        assert_eq!(text.contains("is that part of it?"), !described.is_empty(), "{text}");
    }
    server.change_password(" spaces and \"quotes\" ").await;
    assert!(connect(with_variables(&server, &[("DB_PASSWORD", " spaces and \"quotes\" ")])).await.is_ok());
}

#[tokio::test]
async fn migrations_have_their_own_password_file() {
    let (server, password) = server().await;
    let (program, owner) = (TestFile::new("program"), TestFile::new(&password.whole));
    server.run("create role program login password 'program'").await;
    let variables = [
        ("POSTGRES_DSN", server.url_without_password().replace("bot@", "program@")),
        ("POSTGRES_PASSWORD_FILE", program.path().to_owned()),
        ("DB_MIGRATION_URL", server.url_without_password()),
        ("DB_MIGRATION_PASSWORD_FILE", owner.path().to_owned()),
    ];
    let lookup = |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.clone());

    let db = connect(Config::from_lookup(lookup).unwrap()).await.unwrap();

    db.migrate().await.unwrap();
}

#[tokio::test]
async fn a_changed_password_is_used_to_ask_the_server_about_a_connection_without_traffic() {
    let (server, password) = server().await;
    let provider = Provider::of([Ok(&password.whole)]);
    let mut config = provider.config(&server);
    config.statement_timeout = Some(Duration::from_secs(1));
    let db = connect(config).await.unwrap();
    let transaction = db.begin().await.unwrap();
    transaction.query_one("select set_config('statement_timeout', '0', true)", &[]).await.unwrap();
    server.change_password("changed").await;
    provider.set([Ok("changed")]);

    // Longer than a connection may be silent, unless the server says that it is running a statement.
    let slept = transaction.query_one("select pg_sleep(8)", &[]).await;

    assert!(slept.is_ok(), "{slept:?}");
    assert!(provider.asked() > 1);
}
