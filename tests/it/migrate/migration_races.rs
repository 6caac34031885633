//! Sixteen programs that start at the same time, as processes of the real binary, on every kind of database. Also the binary
//! of a later release, which other tests use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use clip_saver_db::{Db, migrate};
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::support::{TestDatabase, builder, config, connect, create_database, server_url, url_of, value};

const PROGRAMS: usize = 16;
const ROUNDS: usize = 20;

/// The program of this release.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clip-db"))
}

/// The migrations that only the later release has. The first file takes the strongest lock on a table, pauses while the
/// table `clip_test_pause` exists, and continues.
const LATER: [(&str, &str); 3] = [
    (
        "V9001__notes.sql",
        "alter table bot_channels add column note text;\n\
         do $$ begin\n  \
           while exists (select from pg_class where relname = 'clip_test_pause') loop perform pg_sleep(0.02); end loop;\n\
         end $$;\n\
         create table notes (id int primary key, note text);\n",
    ),
    (
        "V9002__index_of_channels.sql",
        "-- non-transactional\ncreate index concurrently idx_bot_channels_note on bot_channels (note);\n",
    ),
    (
        "V9003__index_of_notes.sql",
        "-- non-transactional\n-- Built concurrently, for the sake of the example (it's new and empty).\n\
         create unique index concurrently if not exists idx_notes_note on notes (note);\n",
    ),
];

/// The program of a later release: a copy of the package with more migrations. It is built under another name into the same
/// target folder, where the dependencies are already built. This release's binary does not change.
pub fn later_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("later");
        write_changed(&copy, &later_package());
        // target/, from target/PROFILE/build/NAME/out
        let target = Path::new(env!("OUT_DIR")).ancestors().nth(4).unwrap();
        let mut build = builder(env!("CARGO"));
        build.args(["build", "--bin", "clip-db-later", "--offline", "--locked", "--target-dir"]).arg(target);
        let output = build.current_dir(copy).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/clip-db-later")
    })
}

const FOLDERS: [&str; 8] = ["benches", "build", "codegen", "docs", "migrations", "python/src", "queries", "src"];

/// Path → content.
fn later_package() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let single = ["Cargo.toml", "Cargo.lock", "README.md", "build.rs", "cornucopia.toml", "dev", "python/Cargo.toml"];
    single.into_iter().chain(FOLDERS).for_each(|name| read(Path::new(name), &mut files));
    // Another version: cargo mixes up the builds of two packages with the same name and version.
    let version = concat!("name = \"clip-saver-db\"\nversion = \"", env!("CARGO_PKG_VERSION"), "\"");
    let later_version = "name = \"clip-saver-db\"\nversion = \"9001.0.0\"";
    let binary = "name = \"clip-db-later\"\npath = \"src/bin/clip-db/main.rs\"";
    change(&mut files, "Cargo.toml", "name = \"clip-db\"", binary);
    change(&mut files, "Cargo.toml", version, later_version);
    change(&mut files, "Cargo.lock", version, later_version);
    files.extend(LATER.map(|(name, sql)| (Path::new("migrations").join(name), sql.into())));
    files
}

fn change(files: &mut BTreeMap<PathBuf, Vec<u8>>, file: &str, from: &str, to: &str) {
    let text = String::from_utf8(files.remove(Path::new(file)).unwrap()).unwrap();
    assert!(text.contains(from), "{file} does not hold {from:?}");
    files.insert(file.into(), text.replacen(from, to, 1).into());
}

fn read(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if source.is_dir() {
        for entry in fs::read_dir(source).unwrap() {
            read(&path.join(entry.unwrap().file_name()), files);
        }
    } else {
        files.insert(path.to_owned(), fs::read(source).unwrap());
    }
}

/// Writes only files that differ, so that cargo builds once and not at every run.
fn write_changed(root: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let migrations =
        fs::read_dir(root.join("migrations")).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    for old in migrations.map(|name| Path::new("migrations").join(name)).filter(|name| !files.contains_key(name)) {
        fs::remove_file(root.join(old)).unwrap();
    }
    for (path, content) in files {
        let target = root.join(path);
        if fs::read(&target).is_ok_and(|written| written == *content) {
            continue;
        }
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, content).unwrap();
        if path.ends_with("dev") {
            let executable = fs::metadata(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap().permissions();
            fs::set_permissions(target, executable).unwrap();
        }
    }
}

/// `clip-db migrate` of this release or of the later one. It is killed (`kill -9`) if the test drops it.
pub fn migrating(program: &Path, url: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("migrate").env("DATABASE_URL", url).env_remove("POSTGRES_DSN").env("DB_CONNECT_TIMEOUT", "60");
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Checks that it succeeded, and returns its output: a line for each file that it has applied or adopted.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    let [printed, complaints] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{}: {printed}{complaints}", output.status);
    printed
}

/// The versions in the history.
pub const HISTORY: &str = "select string_agg(version::text, ',' order by version) from refinery_schema_history";

/// The rows of the six tables, without columns that are null, such as new ones.
const ROWS: &str = "select md5(string_agg(query_to_xml(format('select %s from %I order by 1', columns, name), false, false, '')::text, ''))
    from (values ('users', '*'), ('bot_guilds', '*'), ('guild_settings', '*'), ('bot_channels', '*'), ('install_intents', '*'),
                 ('bot_channel_scan_runs', 'id, channel_id, after_message_id, before_message_id, status, messages_scanned,
                   messages_matched, error_message, started_at, finished_at, created_at')) t (name, columns)";

/// The later release's indexes. An invalid index is marked.
pub const INDEXES: &str =
    "select string_agg(indexrelid::regclass || case when indisvalid then '' else ' INVALID' end, ','
    order by indexrelid::regclass::text) from pg_index where indexrelid::regclass::text ~ '_note$'";

/// The kinds of databases on which programs start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Situation {
    Empty,
    Existing,
    /// Only the first file is applied.
    Half,
    UpToDate,
}

use Situation::{Empty, Existing, Half, UpToDate};

/// A database to copy, with its history and its rows.
struct Start {
    situation: Situation,
    database: String,
    history: String,
    rows: Option<String>,
}

impl Start {
    async fn new(situation: Situation) -> Self {
        let database = create_database("template template0").await;
        let db = Db::connect(config(&database)).await.unwrap();
        let client = connect(&url_of(&database)).await;
        let (mut history, mut rows) = (String::new(), None);
        if situation != Empty {
            client.batch_execute(include_str!("../../fixtures/existing_database.sql")).await.unwrap();
            client.batch_execute("reset search_path").await.unwrap();
            rows = value(&client, ROWS).await;
        }
        if situation == Half || situation == UpToDate {
            migrate::adopt(&db).await.unwrap().expect("the history is empty");
            if situation == UpToDate {
                db.migrate().await.unwrap();
            }
            history = value(&client, HISTORY).await.unwrap();
        }
        db.close().await;
        Self { situation, database, history, rows }
    }
}

/// The versions in the history after this release's program has migrated a database.
async fn versions() -> String {
    TestDatabase::new().await.text(HISTORY).await
}

/// Starts sixteen programs at once on a copy of one of the databases, another one in each round. All programs must succeed,
/// and together they must apply each version once.
async fn race(situations: &[Situation], programs: [&Path; 2], versions: &str) {
    static ALONE: Mutex<()> = Mutex::const_new(()); // two races at the same time would only be slower
    let _alone = ALONE.lock().await;
    let mut starts = Vec::new();
    for situation in situations {
        starts.push(Start::new(*situation).await);
    }
    for round in 0..ROUNDS {
        let start = &starts[round % starts.len()];
        let name = create_database(&format!("template {}", start.database)).await;
        let database = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };

        let outputs = start_at_once(&programs, &database).await;

        let context = format!("round {round}, {:?}", start.situation);
        let printed: Vec<_> = outputs.iter().map(succeeded).collect();
        assert_eq!(applied(&printed.concat(), &start.history), versions, "{context}: {printed:#?}");
        assert_eq!(database.text(HISTORY).await, versions, "{context}");
        assert_eq!(migrate::drift(&database).await.unwrap().wrong, [""; 0], "{context}");
        if start.rows.is_some() {
            assert_eq!(database.value(ROWS).await, start.rows, "{context}");
        }
        let indexes = versions.ends_with("9003").then(|| "idx_bot_channels_note,idx_notes_note".to_owned());
        assert_eq!(database.value(INDEXES).await, indexes, "{context}");
        database.close().await;
        connect(server_url()).await.batch_execute(&format!("drop database {}", database.name)).await.unwrap();
    }
}

async fn start_at_once(programs: &[&Path], database: &TestDatabase) -> Vec<Output> {
    let programs = programs.iter().cycle().take(PROGRAMS);
    let running: Vec<_> = programs.map(|program| migrating(program, &database.url()).spawn().unwrap()).collect();
    let mut outputs = Vec::new();
    for program in running {
        outputs.push(program.wait_with_output().await.unwrap());
    }
    outputs
}

/// The versions of the history and those that the programs have printed, sorted. A version that two programs have applied is
/// in it twice.
fn applied(printed: &str, history: &str) -> String {
    let version = |line: &str| line.strip_prefix('V')?.split_once("__")?.0.parse().ok();
    let before = history.split(',').filter_map(|version| version.parse().ok());
    let mut versions: Vec<u32> = printed.lines().filter_map(version).chain(before).collect();
    versions.sort_unstable();
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn sixteen_programs_that_start_at_once_migrate_an_empty_database_once() {
    race(&[Empty], [program(); 2], &versions().await).await;
}

#[tokio::test]
async fn sixteen_programs_that_start_at_once_migrate_an_existing_database_once() {
    race(&[Existing], [program(); 2], &versions().await).await;
}

#[tokio::test]
async fn sixteen_programs_that_start_at_once_migrate_a_half_migrated_database_once() {
    race(&[Half], [program(); 2], &versions().await).await;
}

#[tokio::test]
async fn sixteen_programs_that_start_at_once_do_not_change_an_up_to_date_database() {
    race(&[UpToDate], [program(); 2], &versions().await).await;
}

#[tokio::test]
async fn sixteen_programs_of_two_releases_migrate_every_kind_of_database_once() {
    let later = versions().await + ",9001,9002,9003";

    race(&[Empty, Existing, Half, UpToDate], [program(), later_program()], &later).await;
}

#[tokio::test]
async fn a_program_starts_on_the_database_of_a_later_release_and_says_so() {
    let database = TestDatabase::new().await;
    succeeded(&migrating(later_program(), &database.url()).output().await.unwrap());

    let output = migrating(program(), &database.url()).output().await.unwrap();

    assert_eq!(succeeded(&output), "up to date\n");
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("the database is newer than this program file=V9003__index_of_notes"), "{complaints}");
}

#[tokio::test]
async fn the_later_release_finds_no_fault_in_the_schema_that_it_has_made() {
    let database = TestDatabase::new().await;
    succeeded(&migrating(later_program(), &database.url()).output().await.unwrap());

    let output = Command::new(later_program()).args(["check", "--url", &database.url()]).output().await.unwrap();

    let checked = succeeded(&output);
    assert!(checked.contains("schema: exactly what the applied migrations make"), "{checked}");
}
