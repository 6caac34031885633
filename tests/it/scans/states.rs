//! `get_scan_states` and `scan_queue_stats`: what people see of the queue.

use std::time::Duration;

use clip_saver_db::{LastScan, ScanRequest, ScanState, ScanStatus, repositories as db};

use crate::support::scans::{
    after, channel_of, claim, claimed, claims, expire_leases, page, page_of_clips, recorded, requested,
};
use crate::support::{TestDatabase, channel, guild};

async fn state(database: &TestDatabase) -> ScanState {
    let states = db::get_scan_states(&**database, 1001.into()).await.unwrap();
    assert_eq!(states.len(), 1, "{states:?}");
    states.into_iter().next().expect("there is one")
}

#[tokio::test]
async fn each_channel_of_the_guild_has_one_row_by_number() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    for id in [1_000, 999, 20] {
        channel(&database, guild, id).await;
    }
    let busy = channel_of(&database, 1001, 5).await;
    for number in 0..3 {
        requested(&database, busy, after(number)).await;
        db::enqueue_scan_run(&*database, busy).await.unwrap().unwrap();
    }
    channel_of(&database, 1002, 7).await;

    let states = db::get_scan_states(&*database, guild).await.unwrap();

    let ids: Vec<_> = states.iter().map(|state| state.channel_id.get()).collect();
    assert_eq!(ids, [5, 20, 999, 1_000]);
    assert_eq!(states[0].name.as_deref(), Some("channel 5"));
    assert_eq!(states.iter().map(|state| state.is_reading).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(db::get_scan_states(&*database, 404.into()).await.unwrap(), []);
}

#[tokio::test]
async fn the_running_run_comes_before_the_oldest_queued_one() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    let oldest = requested(&database, channel, after(1)).await;
    requested(&database, channel, after(2)).await;
    let active = state(&database).await.active.unwrap();
    assert_eq!(
        (active.run_id, active.status, active.worker, active.lease_until),
        (oldest, ScanStatus::Queued, None, None)
    );

    let urgent = requested(&database, channel, after(3).with_priority(1)).await;
    let claim = claims(&database, 1).await.remove(0);
    recorded(&database, &claim, &page_of_clips(1, 5)).await;

    let active = state(&database).await.active.unwrap();
    assert_eq!((active.run_id, active.status, active.worker.as_deref()), (urgent, ScanStatus::Running, Some("worker")));
    assert!(active.lease_until.is_some_and(|until| until > chrono::Utc::now()));
    assert_eq!((active.progress.messages_scanned, active.progress.messages_matched), (5, 5));
    assert_eq!(state(&database).await.message_count, 5);
}

#[tokio::test]
async fn runs_of_old_programs_are_no_active_scans() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();

    assert_eq!(state(&database).await.active, None);
}

#[tokio::test]
async fn gaps_are_counted_up_to_the_last_message_that_was_read() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert_eq!(state(&database).await.gaps, 0);

    recorded(&database, &claim, &page(10, 20)).await;
    recorded(&database, &claim, &page(40, 50)).await;
    assert_eq!(state(&database).await.gaps, 2);
    db::update_channel_progress(&*database, claim.channel_id, 30.into(), 1).await.unwrap();
    assert_eq!(state(&database).await.gaps, 1);
    recorded(&database, &claim, &page(31, 39)).await;
    assert_eq!(state(&database).await.gaps, 0);
}

#[tokio::test]
async fn the_last_end_and_its_reason_are_told() {
    let database = TestDatabase::new().await;
    let first = claimed(&database).await;
    assert_eq!(state(&database).await.last, None);
    assert!(db::complete_scan(&*database, &first).await.unwrap());
    requested(&database, first.channel_id, ScanRequest::new()).await;
    let second = claim(&database).await;
    assert!(db::fail_scan(&*database, &second, "no access", None).await.unwrap());

    let LastScan { status, error_message, finished_at, .. } = state(&database).await.last.unwrap();

    assert_eq!((status, error_message.as_deref()), (ScanStatus::Failed, Some("no access")));
    assert_eq!(Some(finished_at), db::get_scan_run(&*database, second.run_id).await.unwrap().unwrap().finished_at);
}

#[tokio::test]
async fn the_stats_count_shared_runs_by_what_can_be_done_with_them() {
    let database = TestDatabase::new().await;
    let empty = db::scan_queue_stats(&*database).await.unwrap();
    assert_eq!((empty.queued, empty.delayed, empty.running, empty.expired, empty.oldest), (0, 0, 0, 0, None));
    let channel = channel_of(&database, 1001, 2001).await;
    for number in 0..10 {
        requested(&database, channel, after(number)).await;
    }
    claims(&database, 2).await;
    expire_leases(&database).await;
    database.execute("update bot_channel_scan_runs set takeovers = 0 where status = 'running'").await;
    let unexpired = "update bot_channel_scan_runs set lease_until = now() + interval '1 hour' where id =
        (select id from bot_channel_scan_runs where status = 'running' limit 1)";
    database.execute(unexpired).await;
    for (number, seconds) in [(20, 3_600), (21, 7_200)] {
        let later = chrono::Utc::now() + Duration::from_secs(seconds);
        requested(&database, channel, after(number).with_not_before(later)).await;
    }
    let due = chrono::Utc::now() - Duration::from_secs(5);
    requested(&database, channel, after(30).with_not_before(due)).await;
    db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    database
        .execute("update bot_channel_scan_runs set created_at = now() - interval '90 s' where after_message_id = '9'")
        .await;

    let stats = db::scan_queue_stats(&*database).await.unwrap();

    assert_eq!((stats.queued, stats.delayed, stats.running, stats.expired), (9, 2, 1, 1));
    let oldest = stats.oldest.unwrap();
    assert!((Duration::from_secs(90)..Duration::from_mins(10)).contains(&oldest), "{oldest:?}");
}
