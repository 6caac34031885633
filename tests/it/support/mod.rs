//! Common parts of the tests: one server for the whole run, and for each test a database cloned from a migrated template.

pub mod alone;
pub mod every_function;
mod ports;
pub mod proxy;
pub mod races;
pub mod scans;
pub mod server;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::ops::Deref;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fmt, fs, process, thread};

use clip_saver_db::{
    ChannelId, ChannelSnapshot, Config, Db, Error, ErrorKind, GenericClient, GuildId, GuildSnapshot, ScanRunId,
    Settings, UserId, UserSnapshot, repositories as db,
};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::project::style::files;

pub use ports::free_port;
pub use server::Server;

/// The URL of the server that all tests share: `TEST_DATABASE_URL`, or a server that runs as long as this process.
pub fn server_url() -> &'static str {
    static SERVER: OnceLock<(String, Option<Server>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        if let Ok(url) = env::var("TEST_DATABASE_URL") {
            return (url, None);
        }
        let server = Server::start(&[]);
        (server.url.clone(), Some(server))
    });
    url
}

/// The server's URL with another database.
pub fn url_of(database: &str) -> String {
    let (address, parameters) = server_url().split_once('?').unwrap_or((server_url(), ""));
    let server = address.rsplit_once('/').expect("TEST_DATABASE_URL ends in /database").0;
    format!("{server}/{database}?{parameters}")
}

/// A plain connection, for the SQL that tests run themselves.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts connections");
    tokio::spawn(connection);
    client
}

/// The database of one test, with the schema migrated. Its sessions use New York time: nothing may depend on that.
pub struct TestDatabase {
    pub name: String,
    pub db: Db,
}

impl TestDatabase {
    /// A migrated database.
    pub async fn new() -> Self {
        let name = create_database(&format!("template {}", template().await)).await;
        let db = Db::connect(config(&name)).await.expect("the database exists");
        Self { name, db }
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        url_of(&self.name)
    }

    /// Runs SQL with any number of statements.
    pub async fn execute(&self, sql: &str) {
        connect(&self.url()).await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The first column of the first row, as text; `None` for NULL and for no row.
    pub async fn value(&self, sql: &str) -> Option<String> {
        value(&connect(&self.url()).await, sql).await
    }

    /// The same for a query that never returns NULL.
    pub async fn text(&self, sql: &str) -> String {
        self.value(sql).await.unwrap_or_else(|| panic!("{sql}: no value"))
    }
}

impl Deref for TestDatabase {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        drop_database(&self.name);
    }
}

/// The process id of the client's session. The statement is prepared: an unprepared query would keep the connection out of
/// the pool.
pub async fn backend_pid(client: &impl GenericClient) -> i32 {
    let statement = client.prepare("select pg_backend_pid()").await.expect("the statement can be prepared");
    client.query_one(&statement, &[]).await.expect("the server answers").get(0)
}

/// The first column of the first row, as text; `None` for NULL and for no row.
pub async fn value(client: &Client, sql: &str) -> Option<String> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(ToOwned::to_owned)),
        _ => None,
    })?
}

/// The configuration for a database of the shared server.
pub fn config(database: &str) -> Config {
    url_of(database).parse().expect("the URL is valid")
}

/// Creates a database, `options` as in `create database … options`, and returns its name.
pub async fn create_database(options: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("clip_test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(server_url()).await;
    admin.batch_execute(&format!("create database {name} {options}")).await.expect("a database can be created");
    let in_new_york = format!("alter database {name} set timezone = 'America/New_York'");
    admin.batch_execute(&in_new_york).await.expect("the database exists");
    name
}

/// Drops a database, except on a throwaway server, whose databases end with it.
pub fn drop_database(name: &str) {
    if env::var_os("TEST_DATABASE_URL").is_none() {
        return;
    }
    let sql = format!("drop database if exists {name} with (force)");
    let dropped = thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            connect(server_url()).await.batch_execute(&sql).await.expect("the database can be dropped");
        });
    });
    dropped.join().expect("the database is dropped");
}

/// A migrated database without connections. Its name is made of the content of migrations/.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> String {
    let name = format!("clip_template_{:016x}", migrations_hash());
    let admin = connect(server_url()).await;
    if value(&admin, &format!("select 1 from pg_database where datname = '{name}'")).await.is_none() {
        let fresh = create_database("template template0").await;
        let db = Db::connect(config(&fresh)).await.expect("the database exists");
        db.migrate().await.expect("migrations/ can be applied");
        db.close().await;
        let rename = format!("alter database {fresh} rename to {name}");
        while admin.batch_execute(&rename).await.is_err_and(|error| {
            error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE) // its sessions have not ended yet
        }) {}
    }
    name
}

fn migrations_hash() -> u64 {
    let mut files: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))
        .expect("migrations/ exists")
        .map(|entry| entry.expect("migrations/ can be listed").path())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(&file).expect("a migration can be read").hash(&mut hasher);
    }
    hasher.finish()
}

/// A command that builds, without the variables that cargo sets for the tests. Build scripts that read these variables
/// (ring's) would run again now, and once more in the next build.
pub fn builder(program: &str) -> process::Command {
    let mut command = process::Command::new(program);
    for (name, _) in env::vars_os() {
        let is_of_a_package =
            |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_a_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Settings from JSON text.
pub fn json(text: &str) -> Settings {
    text.parse().expect("valid JSON")
}

/// Stores a guild without an owner.
pub async fn guild(database: &Db, id: u64) -> GuildId {
    let guild = GuildSnapshot::new(id.into(), format!("guild {id}"));
    db::upsert_guild(database, &guild).await.expect("the guild can be stored");
    guild.id
}

/// Stores a channel in a stored guild.
pub async fn channel(database: &Db, guild: GuildId, id: u64) -> ChannelId {
    let channel = ChannelSnapshot::new(id.into(), format!("channel {id}"), "text");
    let written = db::upsert_channels_for_guild(database, guild, std::slice::from_ref(&channel)).await;
    assert_eq!(written.expect("the channel can be stored"), 1);
    channel.id
}

/// Stores a guild and a channel with reading switched on.
pub async fn reading_channel(database: &Db) -> ChannelId {
    let guild = guild(database, 1001).await;
    let channel = channel(database, guild, 2001).await;
    assert!(db::set_channel_reading(database, channel, true).await.expect("reading can be set"));
    channel
}

/// Stores a user.
pub async fn user(database: &Db, id: u64) -> UserId {
    let user = UserSnapshot::new(id.into(), format!("user {id}"));
    db::upsert_user(database, &user).await.expect("the user can be stored");
    user.id
}

/// Enqueues a run on a channel with reading switched on.
pub async fn queued_run(database: &Db, channel: ChannelId) -> ScanRunId {
    db::enqueue_scan_run(database, channel).await.expect("the run can be enqueued").expect("the channel is reading")
}

/// Runs `callers` calls at the same time, each in its own task, and returns their results.
pub async fn concurrently<T, F>(callers: u64, call: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..callers).map(|caller| tokio::spawn(call(caller))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("the task does not panic"));
    }
    results
}

/// A copy of a value with some fields changed. It replaces a literal with `..` for `#[non_exhaustive]` structs.
macro_rules! changed {
    ($base:expr $(, $field:ident $(= $value:expr)?)* $(,)?) => {{
        let mut copy = $base;
        $(changed!(@set copy, $field $(, $value)?);)*
        copy
    }};
    (@set $copy:ident, $field:ident) => { $copy.$field = $field };
    (@set $copy:ident, $field:ident, $value:expr) => { $copy.$field = $value };
}
pub(crate) use changed;

/// Checks an error's kind, function and field.
/// Checks that a call fails, and how.
#[track_caller]
pub fn assert_fails<T: fmt::Debug>(result: &Result<T, Error>, kind: ErrorKind, function: &str) {
    let Err(error) = result else { panic!("the call succeeds: {result:?}") };
    assert_eq!((error.kind(), error.function()), (kind, Some(function)), "{error:?}");
}

#[track_caller]
pub fn assert_error(error: &Error, kind: ErrorKind, function: &str, field: &str) {
    assert_eq!((error.kind(), error.function(), error.field()), (kind, Some(function), Some(field)), "{error}");
}

/// The versions of the files in migrations/, in order.
pub fn versions() -> Vec<i32> {
    let version = |path: &str| path.trim_start_matches("migrations/V").split("__").next()?.parse().ok();
    let mut versions: Vec<_> = files("migrations", ".sql").iter().filter_map(|(path, _)| version(path)).collect();
    versions.sort_unstable();
    versions
}

/// The versions in the history of migrations.
pub async fn applied(database: &TestDatabase) -> Vec<i32> {
    let applied =
        database.text("select string_agg(version::text, ',' order by version) from public.refinery_schema_history");
    applied.await.split(',').map(|version| version.parse().expect("a version")).collect()
}
