//! The password is in nothing that anybody reads: a whole life under a log of everything, and every text that comes out of it.

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

use crate::migrate::locked_server::{LockedServer, Password};
use crate::project::style::{NONE, blamed, files};
use crate::support::every_function::{Rows, call_and_undo, names};

/// Everything that was logged or shown.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn note(&self, text: &str) {
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    fn show(&self, value: &impl Debug) {
        self.note(&format!("{value:?} {value:#?}\n"));
    }

    /// An error in every form in which one is printed, its causes too, and as a panic.
    fn fails<T: Debug>(&self, result: Result<T, Error>) -> Error {
        let panic = catch_unwind(AssertUnwindSafe(|| result.as_ref().unwrap())).expect_err("this fails");
        self.note(panic.downcast_ref::<String>().expect("unwrap says why"));
        let error = result.expect_err("it did");
        let causes = successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        causes.for_each(|cause| self.note(&format!("{cause} {cause:?} {cause:#?}\n")));
        error
    }

    /// What a program prints.
    async fn prints(&self, command: &mut Command) {
        let output = command.kill_on_drop(true).output().await.unwrap();
        self.note(&String::from_utf8_lossy(&output.stdout));
        self.note(&String::from_utf8_lossy(&output.stderr));
    }
}

impl io::Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Seen {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Connection strings that are wrong, or torn by what is not encoded in the password.
fn configurations(seen: &Seen, password: &Password) {
    let (encoded, quoted, [first, second]) = (password.encoded(), password.quoted(), &password.words);
    let right = [
        format!("postgresql://bot:{encoded}@h/d?sslmode=require&sslrootcert=/r.pem"),
        format!("host=h user=bot password={quoted}"),
    ];
    let migrating = |name: &str| ["DATABASE_URL", "DB_MIGRATION_URL"].contains(&name).then(|| right[0].clone());
    seen.show(&Config::from_lookup(migrating).unwrap());
    for dsn in right {
        let config: Config = dsn.parse().unwrap();
        seen.note(&format!("{config}\n"));
        seen.show(&config);
    }
    let parts = |name: &str| (name == "POSTGRES_PASSWORD").then(|| password.whole.clone());
    seen.show(&Config::from_lookup(parts).unwrap());
    for between in ["@", "@:", "@/", "@?", "@#", "@:/?", "@?x=1&", "@/?host=", "/", "?", "?a=1&b=", " b='", "%zz@"] {
        let word = format!("{first}{between}{second}");
        for rest in ["", "/d", "/d?sslmode=x", ":port/d"] {
            torn(seen, &format!("postgresql://bot:{word}@h{rest}"));
        }
        for rest in ["/x", "?x=1", ":1/x", ",x"] {
            torn(seen, &format!("postgresql://bot:{word}{rest}@h/d"));
        }
        torn(seen, &format!("postgresql://h/d?user=bot&password={word}"));
        torn(seen, &format!("{word}://bot@h"));
        torn(seen, &format!("bot:{word}=x@h/d"));
    }
    for between in [" ", "= ", " = ", " x=", "' ", "' x=", r"\' x=", " host", "=x ="] {
        for quote in ["", "'"] {
            torn(seen, &format!("host=h user=bot password={quote}{first}{between}{second}=1"));
            torn(seen, &format!("host=h password={quote}{first}{between}{second}=1 sslmode=x"));
            torn(seen, &format!("host=h password={quote}{first}{between}{second}{quote}"));
        }
    }
}

/// Refused or not, what is shown of it holds no password.
fn torn(seen: &Seen, dsn: &str) {
    match dsn.parse::<Config>() {
        Ok(config) => seen.show(&config),
        Err(error) => drop(seen.fails(Err::<(), _>(error))),
    }
}

/// No way in: a wrong password, a server that is not there, one without TLS.
async fn refusals(seen: &Seen, server: &LockedServer, encoded: &str) {
    let wrong = seen.fails(connect_to(&server.url(&format!("{encoded}x"))).await);
    assert_eq!(wrong.sqlstate(), Some("28P01"));
    let unreachable = seen.fails(connect_to(&unreachable(encoded)).await);
    assert!(unreachable.is_retryable());
    for mode in ["require", "verify-full"] {
        let no_tls = seen.fails(connect_to(&format!("{}?sslmode={mode}", server.url(encoded))).await);
        assert!(matches!(no_tls.kind(), ErrorKind::Tls | ErrorKind::Config), "{no_tls}");
    }
}

/// Nobody listens there, and nobody waits for that.
fn unreachable(password: &str) -> String {
    format!("postgresql://bot:{password}@localhost:1/clips?connect_timeout=1")
}

async fn connect_to(url: &str) -> Result<Db, Error> {
    Db::connect(url.parse()?).await
}

/// Everything that a handle does, and whatever may go wrong with it.
async fn life(seen: &Seen, url: &str) {
    let mut config: Config = url.parse().unwrap();
    (config.pool_max, config.acquire_timeout) = (1, Duration::from_secs(1));
    let database = Db::connect(config).await.unwrap();
    seen.show(&database);
    database.migrate().await.unwrap();
    seen.show(&migrate::plan(&database).await.unwrap());
    let rows = Rows::store(&database).await;
    for name in names() {
        call_and_undo(&name, &database, &rows).await.unwrap();
    }
    seen.show(&database.health().await.unwrap());
    let orphan = changed!(GuildSnapshot::new(1.into(), "orphan"), owner_user_id = Some(404.into()));
    seen.fails(db::upsert_guild(&database, &orphan).await);

    let connection = database.connection().await.unwrap();
    seen.show(&connection);
    seen.fails(db::get_guilds(&database).await); // nothing comes free
    let end = connection.raw().query_one("select pg_terminate_backend(pg_backend_pid())", &[]).await.unwrap_err();
    seen.fails(Err::<(), Error>(end.into()));
    seen.fails(db::touch_guild(&connection, 1.into()).await);
    drop(connection);
    let transaction = database.begin().await.unwrap();
    seen.show(&transaction);
    db::touch_guild(&transaction, 1001.into()).await.unwrap();
    seen.fails(touch_in_a_hurry(url).await); // the transaction holds the guild
    transaction.rollback().await;
    close_db(&database).await;
    seen.show(&database);
    seen.fails(db::get_guilds(&database).await);
}

/// A call that the server ends if it has to wait.
async fn touch_in_a_hurry(url: &str) -> Result<bool, Error> {
    let mut config: Config = url.parse()?;
    config.statement_timeout = Some(Duration::from_millis(50));
    db::touch_guild(&Db::connect(config).await?, 1001.into()).await
}

/// What the programs print.
async fn programs(seen: &Seen, urls: &[String]) {
    let bot = crate::project::examples::folder().join("bot");
    for url in urls {
        let with_url = |mut command: Command| {
            command
                .env_clear()
                .env("DATABASE_URL", url)
                .env("DB_CONNECT_TIMEOUT", "0.3")
                .stdin(std::process::Stdio::null());
            command
        };
        seen.prints(&mut with_url(Command::new(&bot))).await;
        #[cfg(feature = "cli")]
        for command in ["config", "doctor", "status", "migrate", "check"] {
            for arguments in [&[command][..], &[command, "--url", url]] {
                let mut clip_db = Command::new(env!("CARGO_BIN_EXE_clip-db"));
                clip_db.args(arguments);
                seen.prints(&mut with_url(clip_db)).await;
            }
        }
    }
}

#[tokio::test]
async fn the_password_is_in_no_log_error_debug_output_or_print_of_a_whole_life() {
    let (seen, password) = (Seen::default(), Password::new());
    let server = LockedServer::start(&password).await;
    _ = tracing_log::LogTracer::init(); // tokio-postgres and refinery log by `log`
    let everything = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(seen.clone())
        .finish();
    let logging = tracing::subscriber::set_default(everything);
    let encoded = password.encoded();
    let url = server.url(&encoded);

    configurations(&seen, &password);
    refusals(&seen, &server, &encoded).await;
    life(&seen, &url).await;
    programs(&seen, &[url, server.url(&format!("{encoded}x")), unreachable(&encoded)]).await;
    drop(logging);

    let text = seen.text();
    for heard in ["clip_saver_db", "tokio_postgres", "refinery", "password=********", "SQLSTATE 28P01", "events=0"] {
        assert!(text.contains(heard), "nothing of {heard} was seen");
    }
    assert_eq!(password.found_in(&text), NONE);
}

/// Types whose derived `Debug` would show what a connection is made with.
fn derived_over_secrets(rust: &str) -> Vec<String> {
    let holds =
        |item: &str| ["tokio_postgres::Config", "PgConfig", "Manager", "Pool<"].iter().any(|name| item.contains(name));
    let items = rust.split("#[derive(").skip(1).filter_map(|rest| rest.split_once(")]"));
    let declared = items.map(|(derived, item)| (derived, item.split("\n}").next().unwrap_or_default()));
    let declared = declared.map(|(derived, item)| (derived, item.split(";\n").next().unwrap_or_default()));
    declared
        .filter(|(derived, item)| derived.contains("Debug") && holds(item))
        .map(|(_, item)| item.to_owned())
        .collect()
}

#[test]
fn no_type_derives_debug_over_what_holds_the_password() {
    assert_eq!(blamed(&files("src", ".rs"), derived_over_secrets), NONE);

    let sample = "#[derive(Debug)]\nstruct A(Manager);\n#[derive(Debug)]\nstruct B {\n    c: u8,\n}\n#[derive(Clone)]\nstruct D(Manager);\n
                  #[derive(Clone, Debug)]\nstruct E {\n    pool: Pool<X>,\n}";
    assert_eq!(derived_over_secrets(sample).len(), 2);
}
