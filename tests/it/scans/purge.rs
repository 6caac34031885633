//! `purge_finished_scan_runs`: old runs go, the newest of each channel stay.

use std::time::Duration;

use clip_saver_db::{ErrorKind, ScanRequest, repositories as db};

use crate::support::TestDatabase;
use crate::support::races::LockHolder;
use crate::support::scans::{channel_of, requested};

const DAY: Duration = Duration::from_hours(24);

/// Stores finished runs of a channel: one for each of these ages in days.
async fn finished(database: &TestDatabase, channel: u64, ages: impl IntoIterator<Item = u32>) {
    let ages: Vec<_> = ages.into_iter().map(|age| age.to_string()).collect();
    let insert = format!(
        "insert into bot_channel_scan_runs (channel_id, status, created_at, finished_at, messages_scanned)
         select '{channel}', 'succeeded', now() - make_interval(days => age), now() - make_interval(days => age), age
         from unnest('{{{}}}'::int[]) as a (age)",
        ages.join(",")
    );
    database.execute(&insert).await;
}

/// The ages of the runs that are left, by channel.
async fn left(database: &TestDatabase) -> String {
    let left = "select coalesce(string_agg(concat(channel_id, ':', ages), ' ' order by channel_id), '') from (
        select channel_id, string_agg(messages_scanned::text, ',' order by messages_scanned) as ages
        from bot_channel_scan_runs group by channel_id) r";
    database.text(left).await
}

#[tokio::test]
async fn the_newest_of_each_channel_stay_and_of_the_rest_those_that_are_not_old() {
    let database = TestDatabase::new().await;
    for channel in [10, 11, 12] {
        channel_of(&database, 1, channel).await;
    }
    finished(&database, 10, 1..=6).await;
    finished(&database, 11, [7, 8]).await;
    finished(&database, 12, [9, 10, 11]).await;

    assert_eq!(db::purge_finished_scan_runs(&*database, 4 * DAY, 2).await.unwrap(), 4);

    assert_eq!(left(&database).await, "10:1,2,3 11:7,8 12:9,10");
    assert_eq!(db::purge_finished_scan_runs(&*database, 4 * DAY, 2).await.unwrap(), 0);
    assert_eq!(db::purge_finished_scan_runs(&*database, Duration::ZERO, 0).await.unwrap(), 7);
    assert_eq!(left(&database).await, "");
}

#[tokio::test]
async fn runs_that_are_not_finished_stay() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1, 10).await;
    requested(&database, channel, ScanRequest::new()).await;
    db::enqueue_scan_run(&*database, channel).await.unwrap().unwrap();
    database.execute("update bot_channel_scan_runs set created_at = now() - interval '1 year'").await;

    assert_eq!(db::purge_finished_scan_runs(&*database, Duration::ZERO, 0).await.unwrap(), 0);
}

#[tokio::test]
async fn more_channels_and_runs_than_a_step_takes_are_purged() {
    let database = TestDatabase::new().await;
    channel_of(&database, 1, 10).await;
    let channels =
        "insert into bot_channels (channel_id, guild_id) select n::text, '1' from generate_series(1000, 1250) n";
    database.execute(channels).await;
    let runs = "insert into bot_channel_scan_runs (channel_id, status, finished_at, created_at)
        select c, 'failed', now() - interval '1 day', now() - interval '2 days'
        from (select '10' as c from generate_series(1, 25000)
              union all select n::text from generate_series(1000, 1250) n, generate_series(1, 3)) r";
    database.execute(runs).await;

    let deleted = db::purge_finished_scan_runs(&*database, Duration::ZERO, 1).await.unwrap();

    assert_eq!(deleted, 24_999 + 251 * 2);
    assert_eq!(database.text("select count(*) from bot_channel_scan_runs").await, "252");
}

#[tokio::test]
async fn a_channel_that_is_being_deleted_is_left_out_and_nobody_waits_for_it() {
    let database = TestDatabase::new().await;
    for channel in [10, 11] {
        channel_of(&database, 1, channel).await;
        finished(&database, channel, 1..=3).await;
    }
    let holder = LockHolder::new(&database, "delete from bot_channels where channel_id = '10'").await;

    assert_eq!(db::purge_finished_scan_runs(&*database, Duration::ZERO, 0).await.unwrap(), 3);

    holder.commit().await;
    assert_eq!(left(&database).await, "");
}

#[tokio::test]
async fn an_age_over_100_years_is_refused() {
    let database = TestDatabase::new().await;
    let refused = db::purge_finished_scan_runs(&*database, Duration::MAX, 0).await.unwrap_err();
    assert_eq!((refused.kind(), refused.field()), (ErrorKind::InvalidInput, Some("older_than")));
}
