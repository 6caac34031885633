//! The password appears in no output. The test runs a program's whole life, logs everything, and searches all output.

use crate::support::changed;
use std::fmt::Debug;
use std::io;
use std::iter::successors;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clip_saver_db::{Config, Db, Error, ErrorKind, GuildSnapshot, close_db, migrate, repositories as db};
use tokio::process::Command;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::migrate::password_server::{Password, PasswordServer};
use crate::pool::variables::TestFile;
use crate::project::style::{NONE, blamed, files};
use crate::support::every_function::{Rows, call_and_undo, names};

/// Everything that was logged, shown or printed.
#[derive(Clone, Default)]
struct AllOutput(Arc<Mutex<Vec<u8>>>);

impl AllOutput {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn add(&self, text: &str) {
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    fn add_debug(&self, value: &impl Debug) {
        self.add(&format!("{value:?} {value:#?}\n"));
    }

    /// Adds an error in every form in which it may be printed: with its causes, and as a panic.
    fn add_error<T: Debug>(&self, result: Result<T, Error>) -> Error {
        let panic = catch_unwind(AssertUnwindSafe(|| result.as_ref().unwrap())).expect_err("the call fails");
        self.add(panic.downcast_ref::<String>().expect("unwrap panics with a message"));
        let error = result.expect_err("the call failed");
        let causes = successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        causes.for_each(|cause| self.add(&format!("{cause} {cause:?} {cause:#?}\n")));
        error
    }

    /// Adds the output of a program.
    async fn add_output_of(&self, command: &mut Command) {
        let output = command.kill_on_drop(true).output().await.unwrap();
        self.add(&String::from_utf8_lossy(&output.stdout));
        self.add(&String::from_utf8_lossy(&output.stderr));
    }
}

impl io::Write for AllOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for AllOutput {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Connection strings that are wrong, or broken by characters in the password that are not encoded.
fn configurations(output: &AllOutput, password: &Password) {
    let (encoded, quoted, [first, second]) = (password.encoded(), password.quoted(), &password.words);
    let right = [
        format!("postgresql://bot:{encoded}@h/d?sslmode=require&sslrootcert=/r.pem"),
        format!("host=h user=bot password={quoted}"),
    ];
    let migrating = |name: &str| ["DATABASE_URL", "DB_MIGRATION_URL"].contains(&name).then(|| right[0].clone());
    output.add_debug(&Config::from_lookup(migrating).unwrap());
    for dsn in right {
        let config: Config = dsn.parse().unwrap();
        output.add(&format!("{config}\n"));
        output.add_debug(&config);
    }
    sources(output, password);
    for between in ["@", "@:", "@/", "@?", "@#", "@:/?", "@?x=1&", "@/?host=", "/", "?", "?a=1&b=", " b='", "%zz@"] {
        let word = format!("{first}{between}{second}");
        for rest in ["", "/d", "/d?sslmode=x", ":port/d"] {
            parse_broken(output, &format!("postgresql://bot:{word}@h{rest}"));
        }
        for rest in ["/x", "?x=1", ":1/x", ",x"] {
            parse_broken(output, &format!("postgresql://bot:{word}{rest}@h/d"));
        }
        parse_broken(output, &format!("postgresql://h/d?user=bot&password={word}"));
        parse_broken(output, &format!("{word}://bot@h"));
        parse_broken(output, &format!("bot:{word}=x@h/d"));
    }
    for between in [" ", "= ", " = ", " x=", "' ", "' x=", r"\' x=", " host", "=x ="] {
        for quote in ["", "'"] {
            parse_broken(output, &format!("host=h user=bot password={quote}{first}{between}{second}=1"));
            parse_broken(output, &format!("host=h password={quote}{first}{between}{second}=1 sslmode=x"));
            parse_broken(output, &format!("host=h password={quote}{first}{between}{second}{quote}"));
        }
    }
}

/// Passwords that are from elsewhere than a connection string.
fn sources(output: &AllOutput, password: &Password) {
    for scheme in ["postgresql+asyncpg", "asyncpg", "mysql", "jdbc:postgresql"] {
        parse_broken(output, &format!("{scheme}://bot:{}@h/d", password.encoded()));
        parse_broken(output, &format!("\"{scheme}://bot:{}@h/d", password.encoded()));
    }
    let (file, passfile) = (TestFile::new(&password.whole), TestFile::new(&format!("*:*:*:*:{}", password.whole)));
    let quoted = format!("\"{}\"", password.whole);
    for (variable, value) in [
        ("POSTGRES_PASSWORD", password.whole.as_str()),
        ("DB_PASSWORD", &quoted),
        ("PGPASSWORD", &password.whole),
        ("POSTGRES_PASSWORD_FILE", file.path()),
        ("PGPASSFILE", passfile.path()),
        ("POSTGRES_PASSWORD_FILE", &password.whole), // by mistake the password itself
    ] {
        match Config::from_lookup(|name| (name == variable).then(|| value.to_owned())) {
            Ok(config) => output.add_debug(&config),
            Err(error) => drop(output.add_error(Err::<(), _>(error))),
        }
    }
}

/// A configuration that gets its password from a provider.
fn with_provider(server: &PasswordServer, password: &str) -> Config {
    let (config, password): (Config, _) = (server.url_without_password().parse().unwrap(), password.to_owned());
    config.with_password_provider(move || {
        let password = password.clone();
        async { Ok::<_, io::Error>(password) }
    })
}

/// Parses a connection string and adds the configuration or the error.
fn parse_broken(output: &AllOutput, dsn: &str) {
    match dsn.parse::<Config>() {
        Ok(config) => output.add_debug(&config),
        Err(error) => drop(output.add_error(Err::<(), _>(error))),
    }
}

/// Connections that fail: a wrong password, no server, a server without TLS.
async fn failed_connections(output: &AllOutput, server: &PasswordServer, encoded: &str) {
    let wrong = output.add_error(connect_to(&server.url(&format!("{encoded}x"))).await);
    assert_eq!(wrong.sqlstate(), Some("28P01"));
    for wrong in [format!("\"{}\"", server.password), format!("{} ", server.password)] {
        let refused = output.add_error(Db::connect(with_provider(server, &wrong)).await);
        assert_eq!(refused.sqlstate(), Some("28P01"));
    }
    let file = TestFile::new(&format!("{}x\n", server.password));
    let config: Config = server.url_without_password().parse().unwrap();
    let refused = output.add_error(Db::connect(config.with_password_file(file.path())).await);
    assert_eq!(refused.sqlstate(), Some("28P01"));
    let unreachable = output.add_error(connect_to(&unreachable(encoded)).await);
    assert!(unreachable.is_retryable());
    for mode in ["require", "verify-full"] {
        let no_tls = output.add_error(connect_to(&format!("{}?sslmode={mode}", server.url(encoded))).await);
        assert!(matches!(no_tls.kind(), ErrorKind::Tls | ErrorKind::Config), "{no_tls}");
    }
}

/// The URL of a port without a server, with a short timeout.
fn unreachable(password: &str) -> String {
    format!("postgresql://bot:{password}@localhost:1/clips?connect_timeout=1")
}

async fn connect_to(url: &str) -> Result<Db, Error> {
    Db::connect(url.parse()?).await
}

/// Everything that a pool handle does, and the errors that it may give.
async fn whole_life(output: &AllOutput, url: &str, mut config: Config) {
    (config.pool_max, config.acquire_timeout) = (1, Duration::from_secs(1));
    let database = Db::connect(config).await.unwrap();
    output.add_debug(&database);
    database.migrate().await.unwrap();
    output.add_debug(&migrate::plan(&database).await.unwrap());
    let rows = Rows::store(&database).await;
    for name in names() {
        call_and_undo(&name, &database, &rows).await.unwrap();
    }
    output.add_debug(&database.health().await.unwrap());
    let orphan = changed!(GuildSnapshot::new(1.into(), "orphan"), owner_user_id = Some(404.into()));
    output.add_error(db::upsert_guild(&database, &orphan).await);

    let connection = database.connection().await.unwrap();
    output.add_debug(&connection);
    output.add_error(db::get_guilds(&database).await); // no connection comes free
    let end = connection.raw().query_one("select pg_terminate_backend(pg_backend_pid())", &[]).await.unwrap_err();
    output.add_error(Err::<(), Error>(end.into()));
    output.add_error(db::touch_guild(&connection, 1.into()).await);
    drop(connection);
    let transaction = database.begin().await.unwrap();
    output.add_debug(&transaction);
    db::touch_guild(&transaction, 1001.into()).await.unwrap();
    output.add_error(touch_with_a_short_timeout(url).await); // the transaction has locked the guild
    transaction.rollback().await;
    close_db(&database).await;
    output.add_debug(&database);
    output.add_error(db::get_guilds(&database).await);
}

/// A call that the server ends if it waits for a lock.
async fn touch_with_a_short_timeout(url: &str) -> Result<bool, Error> {
    let mut config: Config = url.parse()?;
    config.statement_timeout = Some(Duration::from_millis(50));
    db::touch_guild(&Db::connect(config).await?, 1001.into()).await
}

/// The output of the programs.
async fn programs(output: &AllOutput, urls: &[String]) {
    let bot = crate::project::examples::folder().join("bot");
    for url in urls {
        let with_url = |mut command: Command| {
            command
                .env_clear()
                .env("DATABASE_URL", url)
                .env("DB_CONNECT_TIMEOUT", "1")
                .stdin(std::process::Stdio::null());
            command
        };
        output.add_output_of(&mut with_url(Command::new(&bot))).await;
        #[cfg(feature = "cli")]
        for command in ["config", "doctor", "status", "migrate", "check"] {
            for arguments in [&[command][..], &[command, "--url", url]] {
                let mut clip_db = Command::new(env!("CARGO_BIN_EXE_clip-db"));
                clip_db.args(arguments);
                output.add_output_of(&mut with_url(clip_db)).await;
            }
        }
    }
}

#[tokio::test]
async fn the_password_is_in_no_log_error_debug_output_or_print_in_a_programs_whole_life() {
    let (output, password) = (AllOutput::default(), Password::new());
    let server = PasswordServer::start(&password).await;
    _ = tracing_log::LogTracer::init(); // tokio-postgres and refinery log by `log`
    let everything = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(output.clone())
        .finish();
    let logging = tracing::subscriber::set_default(everything);
    let encoded = password.encoded();
    let url = server.url(&encoded);

    configurations(&output, &password);
    failed_connections(&output, &server, &encoded).await;
    whole_life(&output, &url, url.parse().unwrap()).await;
    server.run("drop database clips").await;
    server.run("create database clips owner bot").await;
    whole_life(&output, &url, with_provider(&server, &password.whole)).await;
    programs(&output, &[url, server.url(&format!("{encoded}x")), unreachable(&encoded)]).await;
    drop(logging);

    let text = output.text();
    for expected in ["clip_saver_db", "tokio_postgres", "refinery", "password=********", "SQLSTATE 28P01", "events=0"] {
        assert!(text.contains(expected), "{expected} is missing in the output");
    }
    assert_eq!(password.found_in(&text), NONE);
}

/// Types that derive `Debug` although a field holds the connection parameters.
fn types_that_show_secrets(rust: &str) -> Vec<String> {
    let holds = |item: &str| {
        ["tokio_postgres::Config", "PgConfig", "Manager", "Pool<", ": Password", ": Server", "Vec<u8>"]
            .iter()
            .any(|name| item.contains(name))
    };
    let items = rust.split("#[derive(").skip(1).filter_map(|rest| rest.split_once(")]"));
    let declared = items.map(|(derived, item)| (derived, item.split("\n}").next().unwrap_or_default()));
    let declared = declared.map(|(derived, item)| (derived, item.split(";\n").next().unwrap_or_default()));
    declared
        .filter(|(derived, item)| derived.contains("Debug") && holds(item))
        .map(|(_, item)| item.to_owned())
        .collect()
}

#[test]
fn no_type_that_holds_the_password_derives_debug() {
    assert_eq!(blamed(&files("src", ".rs"), types_that_show_secrets), NONE);

    let sample = "#[derive(Debug)]\nstruct A(Manager);\n#[derive(Debug)]\nstruct B {\n    c: u8,\n}\n#[derive(Clone)]\nstruct D(Manager);\n
                  #[derive(Clone, Debug)]\nstruct E {\n    pool: Pool<X>,\n}";
    assert_eq!(types_that_show_secrets(sample).len(), 2);
}
