//! `clip-db scans` and `clip-db clips`

use std::time::Duration;

use clip_saver_db::{
    Attachment, ClipAuthor, ClipMessage, MessageId, ScanClaim, ScanPage, ScanRequest, ScanRequested, ScanWorker,
    repositories as db,
};

use super::clip_db;
use crate::support::{TestDatabase, reading_channel};

/// A database with a run that a worker has claimed and that has found a clip.
async fn scanned() -> (TestDatabase, ScanClaim) {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    db::request_scan(&*database, channel, &ScanRequest::new()).await.unwrap();
    let worker = ScanWorker::new("worker-1");
    let claim = db::claim_scan_runs(&*database, &worker, 1, Duration::from_mins(1)).await.unwrap()[0];
    let attachment = Attachment::new(9002.into(), "goal.mp4", 5_000, "https://cdn.example/goal.mp4?ex=6a000000");
    let clip = ClipMessage::new(9001.into(), ClipAuthor::new(5001.into(), "ada"), [attachment]);
    let page = ScanPage::after(None, [MessageId::from(9001)]).unwrap().with_clips([clip]);
    db::record_scan_page(&*database, &claim, &page).await.unwrap();
    (database, claim)
}

#[tokio::test]
async fn scans_list_shows_each_channel_of_a_guild_or_each_run_of_a_channel() {
    let (database, claim) = scanned().await;
    let run = claim.run_id.to_string();
    let (guild, channel) = (claim.guild_id, claim.channel_id);

    let listed = clip_db(&database.url(), &format!("scans list --guild {guild}")).await;
    listed.assert_output(0, &[&channel.to_string(), &run, "running", "worker-1"]);
    let listed = clip_db(&database.url(), &format!("scans list --channel {channel}")).await;
    listed.assert_output(0, &[&run, "running", "worker-1"]);

    let states = clip_db(&database.url(), &format!("scans list --guild {guild} --json")).await.json();
    assert_eq!(states[0]["active"]["run_id"], run);
    assert_eq!(states[0]["message_count"], 1);
    let runs = clip_db(&database.url(), &format!("scans list --channel {channel} --json")).await.json();
    assert_eq!(runs[0]["messages_matched"], 1);
    clip_db(&database.url(), "scans list").await.assert_output(2, &["--guild"]);
}

#[tokio::test]
async fn scans_stats_counts_the_queue() {
    let (database, _) = scanned().await;

    let shown = clip_db(&database.url(), "scans stats").await;
    shown.assert_output(0, &["0 queued; 0 delayed; 1 running; 0 with an expired lease"]);
    assert_eq!(clip_db(&database.url(), "scans stats --json").await.json()["running"], 1);
}

#[tokio::test]
async fn scans_cancel_cancels_a_run_or_those_of_a_guild_or_of_channels() {
    let (database, claim) = scanned().await;
    let url = database.url();

    let told = "1 run canceled, or to be canceled by the worker";
    clip_db(&url, &format!("scans cancel {}", claim.run_id)).await.assert_output(0, &[told]);
    clip_db(&url, &format!("scans cancel --guild {}", claim.guild_id)).await.assert_output(0, &[told]);
    clip_db(&url, &format!("scans cancel --channel {}", claim.channel_id)).await.assert_output(0, &[told]);
    clip_db(&url, "scans cancel --guild 404").await.assert_output(1, &["0 runs canceled"]);
    clip_db(&url, "scans cancel").await.assert_output(2, &["RUN"]);
    assert!(db::get_scan_run(&*database, claim.run_id).await.unwrap().unwrap().cancel_requested_at.is_some());
}

#[tokio::test]
async fn scans_requeue_enqueues_the_interval_of_a_finished_run_again() {
    let (database, claim) = scanned().await;
    let requeue = format!("scans requeue {}", claim.run_id);
    clip_db(&database.url(), &requeue).await.assert_output(2, &["is running: only a finished run"]);
    db::fail_scan(&*database, &claim, "Missing access", None).await.unwrap();

    clip_db(&database.url(), &requeue).await.assert_output(0, &["enqueued as "]);

    clip_db(&database.url(), &requeue).await.assert_output(1, &["an equal run is active"]);
    let requested = db::request_scan(&*database, claim.channel_id, &ScanRequest::new()).await.unwrap();
    assert!(matches!(requested, ScanRequested::AlreadyActive(_)), "{requested:?}");
    let unknown = "scans requeue 00000000-0000-0000-0000-000000000000";
    clip_db(&database.url(), unknown).await.assert_output(2, &["is not a stored run"]);
}

#[tokio::test]
async fn scans_purge_deletes_old_finished_runs() {
    let (database, claim) = scanned().await;
    db::complete_scan(&*database, &claim).await.unwrap();

    clip_db(&database.url(), "scans purge").await.assert_output(0, &["0 finished runs deleted"]);
    let all = "scans purge --older-than 0s --keep 0";
    clip_db(&database.url(), all).await.assert_output(0, &["1 finished run deleted"]);
}

#[tokio::test]
async fn clips_list_shows_what_the_filters_find() {
    let (database, claim) = scanned().await;
    let guild = claim.guild_id;

    let listed = clip_db(&database.url(), &format!("clips list --guild {guild}")).await;
    listed.assert_output(0, &["goal.mp4", "ada", "5000", "2026-05-10 03:48:16 UTC", "1 of 1 clips"]);
    for (filter, total) in [("--author 5001", 1), ("--author 5002", 0), ("--since 2020-01-01T00:00:00Z", 0)] {
        let found = clip_db(&database.url(), &format!("clips list --guild {guild} {filter} --json")).await.json();
        assert_eq!(found["total"], total, "{filter}");
    }
    clip_db(&database.url(), "clips list").await.assert_output(2, &["--guild"]);
}
