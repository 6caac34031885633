//! The example `worker`, run as a program on what the example `bot` has requested.

use std::path::Path;
use std::process::Stdio;

use clip_saver_db::{
    ChannelId, MessageId, MessageInterval, ScanPage, ScanRequest, ScanRequested, ScanRunId, repositories as db,
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::examples::{ALL, MESSAGES_AND_CLIPS, data, example, interrupt, run};
use crate::support::proxy::Proxy;
use crate::support::races::wait_for_value;
use crate::support::{TestDatabase, channel, guild};

/// Two channels of the sample data. Its messages in them: 1,029 and 282.
const CLIPS: u64 = 197_039_723_006_951_459;
const ARCHIVE: u64 = 197_042_025_792_118_828;

const SCANNED: &str = "select coalesce(sum(messages_scanned), 0) from bot_channel_scan_runs";

/// A database on which the bot has seen all events, and has requested scans.
async fn with_requests() -> TestDatabase {
    let database = TestDatabase::new().await;
    run(example("bot", &database.url()).arg(data("gateway.jsonl"))).await;
    database
}

fn worker(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut worker = example("worker", &database.url());
    worker.args(arguments).stdout(Stdio::null());
    worker
}

/// Until the messages that were scanned are at least so many.
async fn wait_until_scanned(database: &TestDatabase, messages: i64) {
    while database.text(SCANNED).await.parse::<i64>().unwrap() < messages {}
}

/// A channel of the sample data that nobody has read, in a database without the rest.
async fn lone_channel(database: &TestDatabase, id: u64) -> ChannelId {
    let guild = guild(&database.db, 1001).await;
    let channel = channel(&database.db, guild, id).await;
    db::set_channel_reading(&database.db, channel, true).await.unwrap();
    channel
}

async fn request(database: &TestDatabase, channel: ChannelId) -> ScanRunId {
    match db::request_scan(&database.db, channel, &ScanRequest::new()).await.unwrap() {
        ScanRequested::Enqueued(run) => run,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_interrupted_worker_hands_its_runs_back_and_the_next_one_continues() {
    let database = with_requests().await;
    let first = worker(&database, &[]).env("DELAY_MS", "50").spawn().unwrap();
    wait_until_scanned(&database, 1).await;

    interrupt(&first).await;
    let stopped = first.wait_with_output().await.unwrap();

    assert_eq!(stopped.status.code(), Some(130));
    let held = "select count(*) from bot_channel_scan_runs where status = 'running'";
    assert_eq!(database.text(held).await, "0");
    let counted = "select count(*) from bot_channel_scan_runs \
                   where status = 'queued' and claim_token > 0 and error_message is null and attempts > 0";
    assert_eq!(database.text(counted).await, "0");
    run(&mut worker(&database, &["--until-idle"])).await;
    assert_eq!(database.text(MESSAGES_AND_CLIPS).await, ALL);
}

#[tokio::test]
async fn the_runs_of_a_killed_worker_are_taken_over_when_their_leases_expire() {
    let database = with_requests().await;
    let mut killed = worker(&database, &["--lease", "1"]).env("DELAY_MS", "50").spawn().unwrap();
    wait_until_scanned(&database, 1).await;

    killed.kill().await.unwrap();
    run(&mut worker(&database, &["--until-idle"])).await;

    assert_eq!(database.text(MESSAGES_AND_CLIPS).await, ALL);
    assert_ne!(database.text("select sum(takeovers) from bot_channel_scan_runs").await, "0");
}

#[tokio::test]
async fn a_worker_that_loses_its_connections_counts_every_message_once() {
    let database = with_requests().await;
    let proxy = Proxy::to(&database.name).await;
    let mut worker = worker(&database, &["--until-idle", "--lease", "2"]);
    let mut worker = worker.env("DATABASE_URL", proxy.url()).spawn().unwrap();
    wait_until_scanned(&database, 1).await;

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
    assert_eq!(database.text(MESSAGES_AND_CLIPS).await, ALL);
}

#[tokio::test]
async fn a_worker_stops_work_on_a_run_that_somebody_cancels() {
    let database = TestDatabase::new().await;
    let channel = lone_channel(&database, CLIPS).await;
    let canceled = request(&database, channel).await;
    let _worker = worker(&database, &[]).env("DELAY_MS", "300").spawn().unwrap();
    wait_until_scanned(&database, 1).await;

    assert!(db::request_scan_cancel(&database.db, canceled).await.unwrap());

    wait_for_value(&database, "select status::text from bot_channel_scan_runs", "canceled").await;
    assert_ne!(database.text(SCANNED).await, "1029");
}

#[tokio::test]
async fn what_discord_refuses_for_a_moment_is_tried_again() {
    let database = with_requests().await;

    run(&mut worker(&database, &["--until-idle"])).await;

    let failed =
        "select string_agg(distinct error_message, ', ') from bot_channel_scan_runs where status <> 'succeeded'";
    assert_eq!(database.text(failed).await, "Discord answered 403: Missing Access");
    assert_eq!(database.text(MESSAGES_AND_CLIPS).await, ALL);
}

#[tokio::test]
async fn server_errors_between_pages_do_not_add_up() {
    let database = TestDatabase::new().await;
    let channel = lone_channel(&database, CLIPS).await;
    request(&database, channel).await;
    let error = json!({"status": 503, "body": {"message": "Service Unavailable"}});

    run(&mut refused_worker(&database, channel, &vec![[error, json!(null)]; 10].concat())).await;

    assert_eq!(database.text(SCANNED).await, "1029");
}

#[tokio::test]
async fn a_long_rate_limit_puts_the_run_back_into_the_queue_until_it_is_over() {
    for (retry_after, not_before) in [(json!(3600), "59 minutes"), (json!(null), "30 seconds")] {
        let database = TestDatabase::new().await;
        let channel = lone_channel(&database, CLIPS).await;
        request(&database, channel).await;
        database.execute("update bot_channel_scan_runs set attempts = 50").await;
        let limit =
            json!({"status": 429, "body": {"message": "You are being rate limited.", "retry_after": retry_after}});

        let _worker = refused_worker(&database, channel, &[limit]).spawn().unwrap();

        let waits = format!(
            "select status = 'queued' and not_before > now() + interval '{not_before}' from bot_channel_scan_runs \
             where error_message is not null"
        );
        wait_for_value(&database, &waits, "t").await;
    }
}

/// A worker that Discord answers a channel's first requests so. `null` is a page.
fn refused_worker(database: &TestDatabase, channel: ChannelId, answers: &[Value]) -> Command {
    let refusals = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", database.name));
    std::fs::write(&refusals, json!({channel.to_string(): answers}).to_string()).unwrap();
    let mut worker = worker(database, &["--until-idle"]);
    worker.arg(data("messages.jsonl")).arg(refusals);
    worker
}

#[tokio::test]
async fn what_discord_refuses_for_good_fails() {
    let database = with_requests().await;
    let unknown = lone_channel(&database, 2001).await;
    request(&database, unknown).await;

    run(&mut worker(&database, &["--until-idle"])).await;

    let failed = "select string_agg(distinct concat_ws(' ', attempts, error_message), ', ') from bot_channel_scan_runs \
                  where status = 'failed'";
    let expected = "1 Discord answered 403: Missing Access, 1 Discord answered 404: Unknown Channel";
    assert_eq!(database.text(failed).await, expected);
}

#[tokio::test]
async fn a_scan_without_an_end_reads_up_to_the_newest_message() {
    let database = TestDatabase::new().await;
    let channel = lone_channel(&database, ARCHIVE).await;
    request(&database, channel).await;

    run(&mut worker(&database, &["--until-idle"])).await;

    let newest = newest_message(channel);
    let covered = db::get_scan_coverage(&database.db, channel).await.unwrap();
    assert_eq!(covered, [MessageInterval::new(0.into(), newest)]);
    assert_eq!(database.text(SCANNED).await, "282");
}

#[tokio::test]
async fn a_gap_is_filled_backward_from_what_was_read() {
    let database = TestDatabase::new().await;
    let channel = lone_channel(&database, CLIPS).await;
    let messages = messages(channel);
    let live = ScanPage::live(messages[500]);
    db::record_live_messages(&database.db, channel, None, &live).await.unwrap();
    request(&database, channel).await;
    let first = worker(&database, &[]).env("DELAY_MS", "400").spawn().unwrap();

    wait_until_scanned(&database, 700).await;
    interrupt(&first).await;
    first.wait_with_output().await.unwrap();

    let covered = db::get_scan_coverage(&database.db, channel).await.unwrap();
    assert_eq!(covered.len(), 1, "{covered:?}");
    assert!(covered[0].first > messages[0] && covered[0].first < messages[500], "{covered:?}");
    run(&mut worker(&database, &["--until-idle"])).await;
    let covered = db::get_scan_coverage(&database.db, channel).await.unwrap();
    assert_eq!(covered, [MessageInterval::new(0.into(), newest_message(channel))]);
    assert_eq!(database.text("select message_count from bot_channels").await, "1029");
}

/// The sample data's messages of a channel, in order.
fn messages(channel: ChannelId) -> Vec<MessageId> {
    let of_channel = format!("\"channel_id\":\"{channel}\"");
    let lines = std::fs::read_to_string(data("messages.jsonl")).unwrap();
    let lines = lines.lines().filter(|line| line.contains(&of_channel));
    let mut ids: Vec<_> = lines
        .map(|line| {
            let message: Value = serde_json::from_str(line).unwrap();
            message["id"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    ids.sort();
    ids
}

fn newest_message(channel: ChannelId) -> MessageId {
    *messages(channel).last().unwrap()
}
