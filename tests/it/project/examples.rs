//! The examples, run as programs on the sample data.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use tokio::process::{Child, Command};

use crate::support::{TestDatabase, builder, channel, guild};

const COUNT_UNFINISHED_RUNS: &str = "select count(*) from bot_channel_scan_runs where status in ('queued', 'running')";

/// What the channels hold.
pub const MESSAGES_AND_CLIPS: &str = "select concat_ws(' ', sum(message_count), \
                                      (select count(*) from bot_clips where deleted_at is null)) from bot_channels";

/// The same when everything was read, counted by hand in the sample data.
pub const ALL: &str = "5620 431";

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

pub async fn run(command: &mut Command) -> Output {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

pub fn data(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "data", file].iter().collect()
}

/// Interrupts a program as Ctrl-C does.
pub async fn interrupt(program: &Child) {
    // The shell's built-in `kill`: on some systems the program must be installed.
    let kill = format!("kill -INT {}", program.id().unwrap());
    assert!(Command::new("sh").arg("-c").arg(kill).status().await.unwrap().success());
}

#[tokio::test]
async fn the_demo_kills_a_worker_and_stores_what_its_data_says_and_can_be_repeated() {
    let database = TestDatabase::new().await;

    let output = run(&mut example("demo", &database.url())).await;

    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("worker 1: killed with kill -9"), "{shown}");
    assert!(shown.contains("Totals: 3 guilds, 43 channels, 5620 messages, 431 clips;"), "{shown}");
    assert_eq!(database.text(COUNT_UNFINISHED_RUNS).await, "0");
    run(&mut example("demo", &database.url())).await;
    assert_eq!(database.text(MESSAGES_AND_CLIPS).await, ALL);
}

#[tokio::test]
async fn the_demo_fails_if_a_channel_has_counted_a_message_too_many() {
    let database = TestDatabase::new().await;
    let guild = guild(&database.db, 197_038_439_483_310_086).await;
    channel(&database.db, guild, 441_688_182_833_020_939).await;
    database.execute("update bot_channels set message_count = 1").await;

    let output = example("demo", &database.url()).output().await.unwrap();

    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && complaint.contains("the totals are wrong"), "{complaint}");
}

#[tokio::test]
async fn invalid_input_does_not_stop_the_bot() {
    let database = TestDatabase::new().await;
    let mut bot = example("bot", &database.url()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = bot.stdin.take().unwrap();
    let events = std::fs::read_to_string(data("gateway.jsonl")).unwrap();
    let lines =
        ["rubbish", "{}", "[[[[", r#"{"op":0,"s":1,"t":"GUILD_CREATE","d":{}}"#, events.lines().nth(1).unwrap()];

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
