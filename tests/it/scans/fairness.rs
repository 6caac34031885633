//! The queue is fair between guilds.

use std::time::Duration;

use clip_saver_db::{ChannelId, ScanRequest, ScanRunId, ScanWorker, repositories as db};

use crate::support::TestDatabase;
use crate::support::scans::{LEASE, after, channel_of, claims, requested};

/// Requests `count` runs of a channel in one transaction, each for another interval.
async fn request_many(
    database: &TestDatabase,
    channel: ChannelId,
    numbers: std::ops::Range<u64>,
    request: ScanRequest,
) {
    let transaction = database.begin().await.unwrap();
    for number in numbers {
        db::request_scan(&transaction, channel, &request.with_after(number.into())).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

/// How many claims of `limit` runs it takes until a run is claimed.
async fn claims_until(database: &TestDatabase, limit: u32, run: ScanRunId) -> usize {
    let worker = ScanWorker::new("w");
    for round in 1..=20 {
        let claims = db::claim_scan_runs(&**database, &worker, limit, LEASE).await.unwrap();
        if claims.iter().any(|claim| claim.run_id == run) {
            return round;
        }
    }
    panic!("20 claims of {limit} runs have passed");
}

#[tokio::test]
async fn ten_thousand_runs_of_a_guild_delay_anothers_by_one_round() {
    let database = TestDatabase::new().await;
    let big = channel_of(&database, 1, 10).await;
    request_many(&database, big, 0..10_000, ScanRequest::new()).await;
    let small = channel_of(&database, 2, 20).await;
    let run = requested(&database, small, ScanRequest::new()).await;
    assert_eq!(claims_until(&database, 10, run).await, 1);
    let run = requested(&database, small, after(1)).await;
    assert!(claims_until(&database, 1, run).await <= 2);
}

#[tokio::test]
async fn a_guild_that_comes_while_another_ones_10_000_runs_are_being_claimed_waits_one_round() {
    let database = TestDatabase::new().await;
    let big = channel_of(&database, 1, 10).await;
    request_many(&database, big, 0..3_000, ScanRequest::new()).await;
    let worker = ScanWorker::new("w");
    for _ in 0..20 {
        assert_eq!(db::claim_scan_runs(&*database, &worker, 100, LEASE).await.unwrap().len(), 100);
    }

    let run = requested(&database, channel_of(&database, 2, 20).await, ScanRequest::new()).await;

    assert_eq!(claims_until(&database, 10, run).await, 1);
}

#[tokio::test]
async fn a_guild_that_returns_does_not_wait_behind_a_newcomer() {
    let database = TestDatabase::new().await;
    let (old, new) = (channel_of(&database, 1, 10).await, channel_of(&database, 2, 20).await);
    request_many(&database, old, 0..1_000, ScanRequest::new()).await;
    while !claims(&database, 100).await.is_empty() {}

    let returned = requested(&database, old, after(5_000)).await;
    request_many(&database, new, 0..1_000, ScanRequest::new()).await;

    assert_eq!(claims_until(&database, 2, returned).await, 1);
}

#[tokio::test]
async fn two_guilds_with_many_runs_are_claimed_by_turns() {
    let database = TestDatabase::new().await;
    for guild in 1..=2 {
        let channel = channel_of(&database, guild, guild * 10).await;
        request_many(&database, channel, 0..50, ScanRequest::new()).await;
    }

    for _ in 0..10 {
        let claimed = claims(&database, 4).await;
        assert_eq!(claimed.iter().filter(|claim| claim.guild_id == 1.into()).count(), 2, "{claimed:?}");
    }
}

#[tokio::test]
async fn a_guilds_delayed_runs_that_are_all_due_delay_anothers_by_one_round() {
    let database = TestDatabase::new().await;
    let big = channel_of(&database, 1, 10).await;
    let due = ScanRequest::new().with_not_before(chrono::Utc::now() - Duration::from_mins(1));
    request_many(&database, big, 0..2_000, due).await;
    let small = channel_of(&database, 2, 20).await;

    let run = requested(&database, small, ScanRequest::new()).await;
    assert_eq!(claims_until(&database, 10, run).await, 1);
    let run = requested(&database, small, after(1)).await;
    assert!(claims_until(&database, 1, run).await <= 3);
}

#[tokio::test]
async fn a_guilds_runs_that_are_all_to_be_tried_again_delay_anothers_by_one_round() {
    let database = TestDatabase::new().await;
    let big = channel_of(&database, 1, 10).await;
    request_many(&database, big, 0..1_000, ScanRequest::new()).await;
    loop {
        let claimed = claims(&database, 100).await;
        if claimed.is_empty() {
            break;
        }
        for claim in claimed {
            let later = chrono::Utc::now() + Duration::from_hours(1);
            assert!(db::fail_scan(&*database, &claim, "limited", Some(later)).await.unwrap());
        }
    }
    let small = channel_of(&database, 2, 20).await;
    let run = requested(&database, small, ScanRequest::new()).await;
    database.execute("update bot_channel_scan_runs set not_before = now() where not_before is not null").await;

    assert_eq!(claims_until(&database, 10, run).await, 1);
}

#[tokio::test]
async fn every_delayed_run_is_claimed_once_it_is_due() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1, 10).await;
    let due = ScanRequest::new().with_not_before(chrono::Utc::now() - Duration::from_mins(1));
    request_many(&database, channel, 0..350, due).await;

    let worker = ScanWorker::new("w");
    let mut claimed = 0;
    loop {
        match db::claim_scan_runs(&*database, &worker, 7, LEASE).await.unwrap().len() {
            0 => break,
            some => claimed += some,
        }
    }
    assert_eq!(claimed, 350);
}
