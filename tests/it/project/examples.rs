//! The examples, run as programs on the sample data.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use tokio::process::Command;

use crate::support::proxy::Proxy;
use crate::support::{TestDatabase, builder};

const COUNT_UNFINISHED_RUNS: &str = "select count(*) from bot_channel_scan_runs where status in ('queued', 'running')";
const SCANNED_AND_MATCHED: &str =
    "select concat_ws(' ', sum(messages_scanned), sum(messages_matched)) from bot_channel_scan_runs";

/// The folder with the built examples. `cargo test --test it` does not build them, so this function does, with the tests'
/// profile.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let tests = std::env::current_exe().unwrap(); // target/PROFILE/deps/NAME
        let profile = tests.ancestors().nth(2).unwrap();
        let mut build = builder(env!("CARGO"));
        build.args(["build", "--examples", "--offline", "--locked", "--target-dir"]).arg(profile.parent().unwrap());
        build
            .arg("--profile")
            .arg(profile.file_name().map(|name| if name == "debug" { "dev".as_ref() } else { name }).unwrap());
        if cfg!(not(feature = "default")) {
            build.arg("--no-default-features");
        }
        for (feature, is_on) in [("cli", cfg!(feature = "cli")), ("codegen", cfg!(feature = "codegen"))] {
            if is_on {
                build.args(["--features", feature]);
            }
        }
        let output = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{build:?}: {}", String::from_utf8_lossy(&output.stderr));
        profile.join("examples")
    })
}

/// The command of an example on a database.
pub fn example(name: &str, url: &str) -> Command {
    let mut command = Command::new(folder().join(name));
    command.env("DATABASE_URL", url).env_remove("POSTGRES_DSN").kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(command: &mut Command) -> Output {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn data(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "data", file].iter().collect()
}

#[tokio::test]
async fn the_demo_syncs_and_scans_everything_and_can_be_repeated() {
    let database = TestDatabase::new().await;

    let output = run(&mut example("demo", &database.url())).await;

    let shown = String::from_utf8(output.stdout).unwrap();
    let totals =
        "3 guilds, 44 channels, 5705 messages; 27 scan runs, 1 of them failed; 5200 messages scanned, 400 with clips";
    assert!(shown.contains(totals), "{shown}");
    assert_eq!(database.text(COUNT_UNFINISHED_RUNS).await, "0");
    run(&mut example("demo", &database.url())).await;
    assert_eq!(database.text(SCANNED_AND_MATCHED).await, "5200 400");
}

#[tokio::test]
async fn an_interrupted_worker_cancels_its_run_and_the_next_worker_continues() {
    let database = TestDatabase::new().await;
    run(example("bot", &database.url()).arg(data("gateway.jsonl"))).await;
    let worker = example("worker", &database.url()).env("DELAY_MS", "50").stdout(Stdio::null()).spawn().unwrap();
    while database.text("select coalesce(sum(messages_scanned), 0) from bot_channel_scan_runs").await == "0" {}

    // The shell's built-in `kill`: on some systems the program must be installed.
    let interrupt = Command::new("sh").arg("-c").arg(format!("kill -INT {}", worker.id().unwrap())).status().await;
    assert!(interrupt.unwrap().success());
    let stopped = worker.wait_with_output().await.unwrap();

    assert_eq!(stopped.status.code(), Some(130));
    assert_eq!(database.text(COUNT_UNFINISHED_RUNS).await, "0");
    let canceled = "select count(*) from bot_channel_scan_runs where status = 'canceled'";
    assert_eq!(database.text(canceled).await, "1");
    run(&mut example("worker", &database.url())).await;
    assert_eq!(database.text(SCANNED_AND_MATCHED).await, "5200 400");
}

#[tokio::test]
async fn a_worker_that_loses_its_connections_counts_every_message_once() {
    let database = TestDatabase::new().await;
    run(example("bot", &database.url()).arg(data("gateway.jsonl"))).await;
    let proxy = Proxy::to(&database.name).await;
    let mut worker = example("worker", &database.url());
    let mut worker = worker.env("DATABASE_URL", proxy.url()).stdout(Stdio::null()).spawn().unwrap();
    while database.text("select coalesce(sum(messages_scanned), 0) from bot_channel_scan_runs").await == "0" {}

    let mut statements = 5; // the next cut comes while the server runs this statement
    let ended = loop {
        proxy.clear_traffic();
        tokio::select! {
            ended = worker.wait() => break ended,
            () = proxy.until_sent('E', statements) => proxy.cut().await,
        }
        statements += 1;
    };

    assert!(ended.unwrap().success());
    assert!(statements > 10, "{statements}");
    assert_eq!(database.text(SCANNED_AND_MATCHED).await, "5200 400");
    let with_those_that_the_bot_saw = database.text("select sum(message_count) from bot_channels").await;
    assert_eq!(with_those_that_the_bot_saw, "5705");
}

#[tokio::test]
async fn invalid_input_does_not_stop_the_bot() {
    let database = TestDatabase::new().await;
    let mut bot = example("bot", &database.url()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = bot.stdin.take().unwrap();
    let guild = std::fs::read_to_string(data("gateway.jsonl")).unwrap();
    let lines = ["rubbish", "{}", "[[[[", r#"{"op":0,"s":1,"t":"GUILD_CREATE","d":{}}"#, guild.lines().next().unwrap()];

    tokio::io::AsyncWriteExt::write_all(&mut input, (lines.join("\n") + "\n").as_bytes()).await.unwrap();
    drop(input);

    assert!(bot.wait_with_output().await.unwrap().status.success());
    assert_eq!(database.text("select count(*) from bot_guilds").await, "1");
}

#[tokio::test]
async fn guild_service_can_be_run_again_and_again() {
    let database = TestDatabase::new().await;

    run(&mut example("guild_service", &database.url())).await;
    run(&mut example("guild_service", &database.url())).await;
}
