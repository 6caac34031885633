//! `clip-db`, the program itself: its output and exit codes. This file has the common functions and the tests of `status`.
//! The other commands have their own files.

mod calls;
mod check;
mod doctor;
mod doctor_database;
mod doctor_roles;
mod doctor_server;
mod migrate;
mod pooler;
mod scans;
mod schemas;
mod unreadable;

use std::process::Stdio;

use clip_saver_db::Db;
use clip_saver_db::migrate::State;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{TestDatabase, changed, config, create_database, versions};

const EXISTING: &str = include_str!("../../fixtures/existing_database.sql");

/// The exit code and output of a run.
struct ProgramOutput {
    code: i32,
    stdout: String,
    stderr: String,
}

impl ProgramOutput {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Asserts the exit code, and that each part is printed to stdout or stderr.
    fn assert_output(&self, code: i32, parts: &[&str]) {
        let shown = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{shown}");
        for part in parts {
            assert!(shown.contains(part), "no {part:?} in:\n{shown}");
        }
    }
}

/// The program with these arguments and an empty environment.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clip-db"));
    command.args(arguments).env_clear().kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(command: &mut Command) -> ProgramOutput {
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    ProgramOutput { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program on a database. `arguments` are separated by spaces.
async fn clip_db(url: &str, arguments: &str) -> ProgramOutput {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    run(program(&words).env("DATABASE_URL", url)).await
}

async fn empty() -> TestDatabase {
    let name = create_database("template template0").await;
    TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name }
}

/// A database of the Python programs, changed by this SQL.
async fn existing(change: &str) -> TestDatabase {
    let database = empty().await;
    database.execute(EXISTING).await;
    database.execute(change).await;
    database
}

/// A migrated database, changed by this SQL.
async fn changed(change: &str) -> TestDatabase {
    let database = TestDatabase::new().await;
    database.execute(change).await;
    database
}

/// Makes a role with these rights. Returns the database's URL for it.
async fn url_for_role(database: &TestDatabase, rights: &str) -> String {
    let role = &database.name;
    database.execute(&format!("create role {role} login; {}", rights.replace("ROLE", role))).await;
    database.url().replace("postgres@", &format!("{role}@"))
}

async fn drop_role(database: &TestDatabase) {
    database.execute(&format!("drop owned by {0}; drop role {0}", database.name)).await;
}

const NEWER: &str = "insert into refinery_schema_history values (99, 'future', '2030-01-01T00:00:00Z', '1')";

/// Changes that make a history that does not fit the files, with the file and the problem that are named.
const WRONG_HISTORIES: [(&str, &str, &str); 3] = [
    ("update refinery_schema_history set checksum = '1' where version = 1", "V1__initial_schema", "changed"),
    ("insert into refinery_schema_history values (0, 'zeroth', '2020-01-01T00:00:00Z', '1')", "V0__zeroth", "missing"),
    ("delete from refinery_schema_history where version = 1", "V1__initial_schema", "late"),
];

#[tokio::test]
async fn status_of_an_empty_database_shows_all_migrations_as_pending() {
    let database = empty().await;

    let all = format!("{} pending: run `clip-db migrate`", versions().len());
    clip_db(&database.url(), "status").await.assert_output(1, &["initial_schema", "pending", &all]);

    let json = clip_db(&database.url(), "status --json").await;
    json.assert_output(1, &[]);
    assert_eq!(json.json()["unrecorded"], false);
    assert_eq!(json.json()["up_to_date"], false);
    assert_eq!(json.json()["files"][0]["state"], "pending");
    assert_eq!(json.json()["files"][0]["applied_on"], Value::Null);
}

#[tokio::test]
async fn status_of_a_database_of_the_python_programs_says_that_it_will_be_adopted() {
    let database = existing("").await;

    clip_db(&database.url(), "status")
        .await
        .assert_output(1, &["no history of migrations", "`clip-db migrate` adopts it"]);

    let json = clip_db(&database.url(), "status --json").await;
    json.assert_output(1, &[]);
    assert_eq!(json.json()["unrecorded"], true);
    assert_eq!(json.json()["up_to_date"], false);
}

#[tokio::test]
async fn status_tells_the_two_generations_of_the_python_programs_apart() {
    let database = empty().await;
    database.execute(include_str!("../../fixtures/tortoise_database.sql")).await;

    let told = ["made by the Python programs with Tortoise", "docs/MIGRATION_GUIDE.md has the SQL"];
    clip_db(&database.url(), "status").await.assert_output(1, &told);
    assert_eq!(clip_db(&database.url(), "status --json").await.json()["unrecorded"], true);
}

/// What programs that have nothing to do with this one keep under the names of its tables.
const OTHER_PROGRAMS: [(&str, &str); 4] = [
    ("create table users (id serial primary key, email text)", "users"),
    ("create view users as select 1 as id; create table install_intents (id int)", "install_intents, users"),
    ("create table users (discord_user_id text primary key, name text)", "users"), // another Discord bot
    ("create table bot_channels (name text)", "bot_channels"),
];

#[tokio::test]
async fn tables_of_another_program_are_named_and_never_adopted() {
    for (change, names) in OTHER_PROGRAMS {
        let database = empty().await;
        database.execute(change).await;
        let count = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
        let before = database.text(count).await;

        let told = [&*format!("tables of another program: {names} "), "Set DB_SCHEMA to a schema"];
        for command in ["status", "migrate", "migrate --dry-run", "adopt", "check", "doctor"] {
            clip_db(&database.url(), command).await.assert_output(2, &told);
        }
        let json = clip_db(&database.url(), "status --json").await.json();
        assert_eq!((&json["unrecorded"], &json["up_to_date"]), (&Value::Bool(false), &Value::Bool(false)));
        assert_eq!(json["taken_names"].as_array().unwrap().len(), names.split(", ").count());
        assert_eq!(database.text(count).await, before, "{change}");
    }
}

#[tokio::test]
async fn the_help_of_status_explains_each_state() {
    let output = run(&mut program(&["status", "--help"])).await;

    for state in
        [State::Applied, State::Pending, State::Newer, State::Changed, State::Missing, State::Late, State::Foreign]
    {
        assert!(output.stdout.contains(&format!("\n  {state:<9}")), "{state}: {}", output.stdout);
    }
}

#[tokio::test]
async fn status_of_a_migrated_database_is_up_to_date() {
    let database = TestDatabase::new().await;

    clip_db(&database.url(), "status").await.assert_output(0, &["applied", " UTC", "up to date"]);

    let json = clip_db(&database.url(), "status --json").await;
    json.assert_output(0, &[]);
    assert_eq!(json.json()["up_to_date"], true);
    assert_eq!(json.json()["files"][1]["version"], 2);
    assert_eq!(json.json()["files"][1]["name"], "indexes_for_queries");
    let applied_on = database.text("select applied_on from refinery_schema_history where version = 2").await;
    assert_eq!(json.json()["files"][1]["applied_on"], applied_on);
}

#[tokio::test]
async fn status_accepts_a_newer_database_and_says_that_it_is_newer() {
    let database = changed(NEWER).await;

    clip_db(&database.url(), "status").await.assert_output(0, &["newer than this program", "V99__future"]);
    assert_eq!(clip_db(&database.url(), "status --json").await.json()["up_to_date"], true);
    clip_db(&database.url(), "migrate").await.assert_output(0, &["up to date", "newer"]);
}

#[tokio::test]
async fn every_command_that_reads_the_history_reports_a_wrong_history() {
    for (change, file, state) in WRONG_HISTORIES {
        let database = changed(change).await;

        clip_db(&database.url(), "status").await.assert_output(2, &[file, state, "wrong: "]);
        clip_db(&database.url(), "migrate").await.assert_output(2, &[file]);
        clip_db(&database.url(), "migrate --dry-run").await.assert_output(2, &[file]);
        clip_db(&database.url(), "check").await.assert_output(2, &[file]);
        clip_db(&database.url(), "doctor").await.assert_output(2, &[file, "WRONG  migrations"]);
        let json = clip_db(&database.url(), "status --json").await;
        json.assert_output(2, &[state]);
        assert_eq!(json.json()["up_to_date"], false, "{change}");
    }
}
