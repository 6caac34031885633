//! The example `bot`, run as a program: what it does with live messages, deletions, and sessions that end.

use std::collections::HashSet;
use std::process::Stdio;

use clip_saver_db::{
    CancelScope, ChannelId, MessageId, MessageInterval, ScanPage, ScanRun, ScanStatus, repositories as db,
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::examples::{data, example, run};
use crate::support::TestDatabase;
use crate::support::races::LockHolder;

const MESSAGES: &str = "select sum(message_count) from bot_channels";
const CLIPS: &str = "select count(*) from bot_clips where deleted_at is null";

/// The events of the sample data. The first two are READY and the first guild.
fn events() -> Vec<Value> {
    let lines = std::fs::read_to_string(data("gateway.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is(event: &Value, kind: &str) -> bool {
    event["t"] == kind
}

fn channel_of(event: &Value) -> ChannelId {
    event["d"]["channel_id"].as_str().unwrap().parse().unwrap()
}

fn id_of(event: &Value) -> MessageId {
    event["d"]["id"].as_str().unwrap().parse().unwrap()
}

/// Runs a bot on these events.
async fn send(database: &TestDatabase, events: &[Value]) {
    let mut bot = example("bot", &database.url()).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = bot.stdin.take().unwrap();
    for event in events {
        input.write_all(format!("{event}\n").as_bytes()).await.unwrap();
    }
    drop(input);
    assert!(bot.wait().await.unwrap().success());
}

/// A live message with a clip in the first guild.
fn clip() -> Value {
    let guild = events()[1]["d"]["id"].clone();
    let has_video = |event: &Value| event["d"]["attachments"].to_string().contains("video/mp4");
    let mut found = events().into_iter().filter(|event| is(event, "MESSAGE_CREATE") && event["d"]["guild_id"] == guild);
    found.find(has_video).unwrap()
}

fn deletion(kind: &str, of: &Value, field: &str, value: &Value) -> Value {
    json!({"op": 0, "s": 9, "t": kind, "d": {"channel_id": of["d"]["channel_id"], field: value}})
}

/// The first live messages of one channel in the first guild.
fn three_messages() -> Vec<Value> {
    let channel = channel_of(&clip());
    let of_channel = |event: &Value| is(event, "MESSAGE_CREATE") && channel_of(event) == channel;
    events().into_iter().filter(of_channel).take(3).collect()
}

/// What is covered of a message's channel.
async fn coverage(database: &TestDatabase, message: &Value) -> Vec<MessageInterval> {
    db::get_scan_coverage(&database.db, channel_of(message)).await.unwrap()
}

fn alone(message: &Value) -> MessageInterval {
    MessageInterval::new(id_of(message), id_of(message))
}

/// The messages that the sample data's bot has missed, in channels that are stored.
async fn missed(database: &TestDatabase) -> Vec<(ChannelId, MessageId)> {
    let events = events();
    let live: HashSet<_> = events.iter().filter(|event| is(event, "MESSAGE_CREATE")).map(id_of).collect();
    let first = live.iter().min().unwrap();
    let mut missed = Vec::new();
    for line in std::fs::read_to_string(data("messages.jsonl")).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let message = json!({"d": message});
        let (channel, id) = (channel_of(&message), id_of(&message));
        let is_missed = id > *first && !live.contains(&id);
        if is_missed && db::get_channel(&database.db, channel).await.unwrap().is_some() {
            missed.push((channel, id));
        }
    }
    missed
}

#[tokio::test]
async fn after_a_lost_session_the_bot_requests_scans_of_all_that_it_missed() {
    let database = TestDatabase::new().await;

    run(example("bot", &database.url()).arg(data("gateway.jsonl"))).await;

    let missed = missed(&database).await;
    assert!(missed.len() > 100, "{}", missed.len());
    for (channel, id) in missed {
        let covered = db::get_scan_coverage(&database.db, channel).await.unwrap();
        let is_deletion = |interval: &MessageInterval| interval.first == interval.last;
        assert!(!covered.iter().any(|interval| interval.contains(id) && !is_deletion(interval)), "{id} in {covered:?}");
        let runs = db::get_scan_runs(&database.db, channel, 100).await.unwrap();
        let includes = |run: &ScanRun| run.after_message_id < Some(id) && run.before_message_id > Some(id);
        assert!(runs.iter().any(includes), "{id} in {runs:?}");
    }
}

#[tokio::test]
async fn a_resumed_session_leaves_no_gap_between_its_messages() {
    let database = TestDatabase::new().await;
    let mut session = events();
    session.truncate(session.iter().position(|event| event["op"] == 9).unwrap());
    session.retain(|event| !is(event, "CHANNEL_UPDATE"));
    assert!(session.iter().any(|event| is(event, "RESUMED")));

    send(&database, &session).await;

    let live: Vec<_> = session.iter().filter(|event| is(event, "MESSAGE_CREATE")).collect();
    let channels: HashSet<_> = live.iter().map(|event| channel_of(event)).collect();
    for channel in channels {
        let ids = live.iter().filter(|event| channel_of(event) == channel).map(|event| id_of(event));
        let (first, last) = (ids.clone().min().unwrap(), ids.max().unwrap());
        if db::get_channel(&database.db, channel).await.unwrap().is_some() {
            let covered = db::get_scan_coverage(&database.db, channel).await.unwrap();
            assert!(covered.contains(&MessageInterval::new(first, last)), "{covered:?}");
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_not_covered_by_the_next_one() {
    let database = TestDatabase::new().await;
    let mut live = three_messages();
    live[1]["d"]["attachments"] = clip()["d"]["attachments"].clone();
    live[1]["d"]["attachments"][0]["filename"] = "\0.mp4".into();

    send(&database, &[&[events().swap_remove(1)], &live[..]].concat()).await;

    assert_eq!(coverage(&database, &live[0]).await, [alone(&live[0]), alone(&live[2])]);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_not_covered_by_the_next_one_and_a_scan_of_it_is_requested() {
    let database = TestDatabase::new().await;
    let live = three_messages();
    let mut unreadable = live[1].clone();
    unreadable["d"]["author"] = json!("nobody");

    send(&database, &[events().swap_remove(1), live[0].clone(), unreadable, live[2].clone()]).await;

    assert_eq!(coverage(&database, &live[0]).await, [alone(&live[0]), alone(&live[2])]);
    let runs = db::get_scan_runs(&database.db, channel_of(&live[0]), 100).await.unwrap();
    let includes = |run: &ScanRun| run.after_message_id.is_some() && run.before_message_id > Some(id_of(&live[1]));
    assert!(runs.iter().any(includes), "{runs:?}");
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_does_not_break_the_session() {
    let database = TestDatabase::new().await;
    let live = three_messages();
    let unknown = json!({"t": "SOMETHING_NEW", "s": 9, "op": 0, "d": {}});

    send(&database, &[events().swap_remove(1), live[0].clone(), unknown, live[2].clone()]).await;

    assert_eq!(coverage(&database, &live[0]).await, [MessageInterval::new(id_of(&live[0]), id_of(&live[2]))]);
}

#[tokio::test]
async fn what_came_before_a_channels_update_is_not_covered_because_the_bot_may_not_have_seen_the_channel() {
    let database = TestDatabase::new().await;
    let live = three_messages();
    let mut guild = events().swap_remove(1);
    let channels = guild["d"]["channels"].as_array_mut().unwrap();
    let mut channel = channels.iter().find(|channel| channel["id"] == live[0]["d"]["channel_id"]).unwrap().clone();
    channel["guild_id"] = guild["d"]["id"].clone();
    let update = json!({"op": 0, "s": 9, "t": "CHANNEL_UPDATE", "d": channel});

    send(&database, &[guild, live[0].clone(), update, live[2].clone()]).await;

    assert_eq!(coverage(&database, &live[0]).await, [alone(&live[0]), alone(&live[2])]);
}

#[tokio::test]
async fn the_bot_requests_one_scan_of_all_gaps() {
    let database = TestDatabase::new().await;
    let live = three_messages();
    send(&database, &[events().swap_remove(1)]).await;
    let channel = channel_of(&live[0]);
    db::cancel_scans(&database.db, CancelScope::Channels(&[channel])).await.unwrap();
    for message in &live {
        db::record_live_messages(&database.db, channel, None, &ScanPage::live(id_of(message))).await.unwrap();
    }
    let mut later = events().swap_remove(1);
    for known in later["d"]["channels"].as_array_mut().unwrap() {
        known["last_message_id"] = live[2]["d"]["id"].clone();
    }

    send(&database, &[later]).await;

    let runs = db::get_scan_runs(&database.db, channel, 100).await.unwrap();
    let queued: Vec<_> = runs.iter().filter(|run| run.status == ScanStatus::Queued).collect();
    let [run] = queued[..] else { panic!("{queued:?}") };
    assert_eq!((run.after_message_id, run.before_message_id), (None, Some(id_of(&live[2]))));
}

#[tokio::test]
async fn the_bot_does_not_hold_the_channel_while_it_waits_for_a_workers_page() {
    let database = TestDatabase::new().await;
    let message = clip();
    send(&database, &[events().swap_remove(1)]).await;
    let channel = channel_of(&message);
    let page = format!("select pg_advisory_xact_lock(hashtextextended('{channel}', 0))");
    let page = LockHolder::new(&database, &page).await;

    let events = [message];
    let bot = send(&database, &events);
    let worker = async {
        page.wait_until_blocked(1).await;
        page.run_sql(&format!("select from bot_channels where channel_id = '{channel}' for no key update nowait"))
            .await;
        page.commit().await;
    };
    tokio::join!(bot, worker);

    assert_eq!(database.text(CLIPS).await, "1");
}

#[tokio::test]
async fn a_deleted_message_takes_its_clips_and_its_count_along() {
    let database = TestDatabase::new().await;
    let message = clip();
    let mut events = vec![events().swap_remove(1), message.clone()];
    send(&database, &events).await;
    assert_eq!((database.text(MESSAGES).await, database.text(CLIPS).await), ("1".into(), "1".into()));

    events.push(deletion("MESSAGE_DELETE", &message, "id", &message["d"]["id"]));
    send(&database, &events).await;

    assert_eq!((database.text(MESSAGES).await, database.text(CLIPS).await), ("0".into(), "0".into()));
}

#[tokio::test]
async fn messages_that_are_deleted_in_bulk_are_gone_also_for_who_reads_them_later() {
    let database = TestDatabase::new().await;
    let message = clip();
    let ids = json!([message["d"]["id"], "1"]);

    let bulk = deletion("MESSAGE_DELETE_BULK", &message, "ids", &ids);
    send(&database, &[events().swap_remove(1), bulk, message]).await;

    assert_eq!((database.text(MESSAGES).await, database.text(CLIPS).await), ("0".into(), "0".into()));
}

#[tokio::test]
async fn a_deleted_channel_takes_its_clips_along() {
    let database = TestDatabase::new().await;
    let guild = events().swap_remove(1);
    let message = clip();
    send(&database, &[guild.clone(), message.clone()]).await;
    assert_eq!(database.text(CLIPS).await, "1");

    let channels = guild["d"]["channels"].as_array().unwrap();
    let channel = channels.iter().find(|channel| channel["id"] == message["d"]["channel_id"]).unwrap();
    send(&database, &[json!({"op": 0, "s": 9, "t": "CHANNEL_DELETE", "d": channel})]).await;

    assert_eq!(database.text("select count(*) from bot_clips").await, "0");
}

#[tokio::test]
async fn messages_of_a_channel_that_is_not_read_are_not_stored() {
    let database = TestDatabase::new().await;
    let message = clip();
    send(&database, &[events().swap_remove(1)]).await;
    db::set_channel_reading(&database.db, channel_of(&message), false).await.unwrap();

    send(&database, std::slice::from_ref(&message)).await;

    assert_eq!((database.text(MESSAGES).await, database.text(CLIPS).await), ("0".into(), "0".into()));
    assert_eq!(db::get_scan_coverage(&database.db, channel_of(&message)).await.unwrap(), []);
    let channel = db::get_channel(&database.db, channel_of(&message)).await.unwrap().unwrap();
    assert!(channel.last_activity_at.is_some());
}

#[tokio::test]
async fn a_deletion_in_a_channel_that_is_not_read_removes_what_was_read_and_is_not_recorded_for_other_messages() {
    let database = TestDatabase::new().await;
    let message = clip();
    send(&database, &[events().swap_remove(1), message.clone()]).await;
    assert_eq!(database.text(CLIPS).await, "1");
    db::set_channel_reading(&database.db, channel_of(&message), false).await.unwrap();

    let ids = json!([message["d"]["id"], "1", "3"]);
    send(&database, &[deletion("MESSAGE_DELETE_BULK", &message, "ids", &ids)]).await;

    assert_eq!(coverage(&database, &message).await, [alone(&message)]);
    assert_eq!((database.text(MESSAGES).await, database.text(CLIPS).await), ("0".into(), "0".into()));
}
