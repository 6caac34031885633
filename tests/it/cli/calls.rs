//! Calling `clip-db`: arguments, configuration, failed connections, secrets, and output that nobody can read.

use std::process::Stdio;

use super::{ProgramOutput, clip_db, empty, program, run};
use crate::support::{TestDatabase, url_of};

const COMMANDS: [&str; 11] = [
    "migrate",
    "migrate --dry-run",
    "status",
    "status --json",
    "check",
    "adopt",
    "unreadable",
    "unreadable --delete",
    "purge-intents",
    "config",
    "doctor",
];

const NO_SERVER: &str = "postgresql://postgres:hunter2@localhost:1/postgres";

/// Runs the program with a short timeout if there is no server.
async fn run_with_short_timeout(url: &str, arguments: &[&str]) -> ProgramOutput {
    let timeout = if url == NO_SERVER { "0.1" } else { "30" };
    run(program(arguments).env("DATABASE_URL", url).env("DB_CONNECT_TIMEOUT", timeout)).await
}

fn with_password(url: &str) -> String {
    url.replacen("postgres@", "postgres:hunter2@", 1)
}

#[tokio::test]
async fn a_failed_connection_exits_with_3_and_says_what_to_do() {
    let postgres = url_of("postgres");
    for (url, advice) in [
        (NO_SERVER.to_owned(), "Check that the server runs"),
        (url_of("no_such_database"), "Create the database"),
        (postgres.replacen("postgres@", "no_such_role@", 1), "The server refuses this user"),
    ] {
        for command in COMMANDS.into_iter().filter(|command| *command != "config") {
            let output = run_with_short_timeout(&url, &command.split(' ').collect::<Vec<_>>()).await;
            output.assert_output(3, &[advice]);
            assert_eq!(output.stdout, "", "{command}");
        }
    }
}

#[tokio::test]
async fn the_program_waits_for_a_missing_server_for_less_time_than_the_library() {
    let started = std::time::Instant::now();

    clip_db("postgresql://postgres@localhost:1/postgres", "status").await.assert_output(3, &[]);

    assert!(started.elapsed().as_secs() < 30, "the library waits for 30 seconds");
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let database = empty().await;
    let here = with_password(&database.url());
    let no_role = here.replacen("postgres:", "no_such_role:", 1);
    assert!(here.contains(":hunter2@"), "{here}");
    for url in [here.as_str(), &no_role, &with_password(&url_of("no_such_database")), NO_SERVER] {
        for command in COMMANDS {
            let words: Vec<&str> = command.split(' ').collect();
            for words in [&words[..], &[&words[..], &["--url", url]].concat()] {
                let ProgramOutput { stdout, stderr, .. } = run_with_short_timeout(url, words).await;
                assert!(!format!("{stdout}{stderr}").contains("hunter2"), "{words:?} on {url}: {stdout}{stderr}");
            }
        }
    }
}

#[tokio::test]
async fn a_password_in_wrong_arguments_is_not_shown() {
    for words in [
        &["postgresql://postgres:hunter2@localhost/x"][..],
        &["postgres:hunter2@localhost"],
        &["status", "password=hunter2"],
        &["status", "--url", "postgresql://postgres:hunter2@localhost:port/x"],
        &["status", "--url", "postgresql://postgres:@hunter2@localhost/x"],
        &["config", "--url", "postgresql://postgres:@hunter2@localhost/x"],
        &["status", "--url", "host=localhost password=hunter2 user = x port=y"],
        &["status", "--url", "host=localhost password='hunter2"],
        &["status", "--url", "mysql://postgres:hunter2@localhost/x"],
        &["--urls=postgresql://postgres:hunter2@localhost/x"],
    ] {
        let output = run(&mut program(words)).await;
        output.assert_output(2, &[]);
        assert!(!format!("{}{}", output.stdout, output.stderr).contains("hunter2"), "{words:?}: {}", output.stderr);
    }
}

#[tokio::test]
async fn config_needs_no_server_and_shows_everything_but_the_password() {
    let parts = [("POSTGRES_HOST", "db.example"), ("DB_PASSWORD", "hunter2"), ("DB_POOL_MAX", "7")];

    let output = run(program(&["config"]).envs(parts)).await;

    output.assert_output(
        0,
        &["source = POSTGRES_HOST and similar variables\n", "host = db.example\n", "password = ********\n"],
    );
    output.assert_output(0, &["pool_max = 7\n", "connect_timeout = 30s\n", "port = 5432\n", "sslmode = prefer\n"]);
    assert!(output.stdout.lines().all(|line| line.contains(" = ")), "{}", output.stdout);
}

#[tokio::test]
async fn the_url_argument_overrides_the_environment() {
    let environment = [("POSTGRES_DSN", "postgresql://a@a.example/a"), ("DATABASE_URL", "postgresql://b@b.example/b")];

    let url = "postgresql://c@c.example/c?sslrootcert=/a%20b.pem";
    run(program(&["config", "--url", url]).envs(environment))
        .await
        .assert_output(0, &["source = --url\n", "host = c.example\n", "sslrootcert = /a b.pem\n"]);
    run(program(&["config"]).envs(environment))
        .await
        .assert_output(0, &["source = POSTGRES_DSN\n", "host = a.example\n"]);
    run(program(&["config", "--url", ""]).envs(environment)).await.assert_output(2, &["--url: is empty"]);
}

#[tokio::test]
async fn a_wrong_configuration_exits_with_2_and_names_the_variable() {
    for (variable, value) in [("DATABASE_URL", "postgresql://"), ("DB_POOL_MAX", "many"), ("POSTGRES_PORT", "http")] {
        run(program(&["status"]).env(variable, value)).await.assert_output(2, &[variable]);
    }
}

#[tokio::test]
async fn help_lists_environment_variables_examples_commands_and_exit_codes() {
    let help = run(&mut program(&["--help"])).await;

    help.assert_output(
        0,
        &["DATABASE_URL", "POSTGRES_HOST", "DB_CONNECT_TIMEOUT", "Examples:", "Exit codes:", "3  can't connect"],
    );
    for command in COMMANDS.map(|command| command.split(' ').next().unwrap_or_default()) {
        help.assert_output(0, &[&format!("  {command} ")]);
        let help = run(&mut program(&[command, "--help"])).await;
        help.assert_output(0, &["Usage: clip-db", "--url <URL>"]);
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 110), "{}", help.stdout);
    }
    run(&mut program(&[])).await.assert_output(2, &["Usage: clip-db"]);
    run(&mut program(&["statsu"])).await.assert_output(2, &["statsu"]);
}

#[tokio::test]
async fn a_migration_continues_when_the_reader_of_its_output_is_gone() {
    let database = empty().await;
    let mut command = program(&["migrate"]);
    let mut child =
        command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());

    let output = child.wait_with_output().await.unwrap();

    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    clip_db(&database.url(), "status").await.assert_output(0, &["up to date"]);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_result_that_cannot_be_written_gives_an_error() {
    let database = TestDatabase::new().await;
    let full = std::fs::File::create("/dev/full").unwrap();
    let child = program(&["status"]).env("DATABASE_URL", database.url()).stdout(full).stderr(Stdio::piped()).spawn();

    let output = child.unwrap().wait_with_output().await.unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the result cannot be written"));
}
