//! `record_scan_progress`: a page of a run counts once, however often it is sent.

use clip_saver_db::{Channel, Client, Db, Error, ScanIncrement, ScanProgress, ScanRun, ScanRunId, repositories as db};
use tokio::task::JoinHandle;

use crate::channels::lists::stored_channel;
use crate::channels::writes::fifty_at_once;
use crate::scans::scan_runs::{one_run, stored_run, unknown_run};
use crate::support::proxy::Proxy;
use crate::support::races::{LockHolder, now, wait_for_value};
use crate::support::{TestDatabase, changed, channel, concurrently, queued_run};

/// The channel of `one_run`.
const CHANNEL: u64 = 2001;

const PAGE: ScanIncrement = ScanIncrement::scanned(100).with_matched(7);

/// The totals of this many pages.
fn pages(count: i64) -> ScanProgress {
    changed!(ScanProgress::default(), messages_scanned = 100 * count, messages_matched = 7 * count)
}

/// Records a page of the run. `last` is the page's last message.
async fn send(client: &impl Client, run: ScanRunId, last: u64) -> Option<ScanProgress> {
    db::record_scan_progress(client, run, CHANNEL.into(), last.into(), PAGE).await.unwrap()
}

/// The stored run and its channel.
async fn stored(db: &Db, run: ScanRunId) -> (ScanRun, Channel) {
    (stored_run(db, run).await, stored_channel(db, CHANNEL.into()).await)
}

#[tokio::test]
async fn a_page_is_counted_in_its_run_and_its_channel_and_moves_both_cursors() {
    let (database, run) = one_run().await;
    let (old_run, old_channel) = stored(&database, run).await;
    let transaction = database.begin().await.unwrap();

    let progress = db::record_scan_progress(&transaction, run, CHANNEL.into(), 500.into(), PAGE).await.unwrap();

    let now = now(&transaction).await;
    transaction.commit().await.unwrap();
    assert_eq!(progress, Some(pages(1)));
    let last_message_id = Some(500.into());
    let counted = changed!(old_run, last_message_id, messages_scanned = 100, messages_matched = 7);
    let last_scanned_at = Some(now);
    let moved = changed!(old_channel, last_message_id, last_scanned_at, message_count = 100, updated_at = now);
    assert_eq!(stored(&database, run).await, (counted, moved));
}

#[tokio::test]
async fn a_page_that_is_sent_again_changes_nothing_and_returns_the_totals() {
    let (database, run) = one_run().await;
    assert_eq!(send(&*database, run, 500).await, Some(pages(1)));
    let before = stored(&database, run).await;

    for last in [500, 500, 499, 0] {
        assert_eq!(send(&*database, run, last).await, Some(pages(1)), "{last}");
        assert_eq!(stored(&database, run).await, before, "{last}");
    }
}

#[tokio::test]
async fn a_later_page_counts_and_message_ids_compare_as_numbers() {
    let (database, run) = one_run().await;

    for (last, count) in [(0, 1), (999, 2), (1000, 3), (999, 3), (9_223_372_036_854_775_808, 4), (u64::MAX, 5)] {
        assert_eq!(send(&*database, run, last).await, Some(pages(count)), "{last}");
    }
    assert_eq!(send(&*database, run, u64::MAX).await, Some(pages(5)));
}

#[tokio::test]
async fn a_stored_last_message_that_is_not_a_snowflake_counts_as_none() {
    for odd in ["", "abc", "NaN", "Infinity", "1e30", " 5", "5\n", "-5", "007", "１２３", "18446744073709551616"] {
        let (database, run) = one_run().await;
        database.execute(&format!("update bot_channel_scan_runs set last_message_id = '{odd}'")).await;
        database.execute(&format!("update bot_channels set last_message_id = '{odd}'")).await;

        assert_eq!(send(&*database, run, 3).await, Some(pages(1)), "{odd:?}");

        let (run, channel) = stored(&database, run).await;
        assert_eq!((run.last_message_id, channel.last_message_id), (Some(3.into()), Some(3.into())), "{odd:?}");
    }
}

#[tokio::test]
async fn a_page_counts_but_never_moves_the_channels_cursor_back() {
    let (database, run) = one_run().await;
    db::update_channel_cursor(&*database, CHANNEL.into(), Some(5000.into())).await.unwrap();

    assert_eq!(send(&*database, run, 999).await, Some(pages(1)));

    let (run, channel) = stored(&database, run).await;
    assert_eq!((run.last_message_id, channel.last_message_id), (Some(999.into()), Some(5000.into())));
    assert_eq!(channel.message_count, 100);
}

#[tokio::test]
async fn a_page_counts_in_every_status_and_does_not_change_the_status() {
    let (database, run) = one_run().await;

    for (n, status) in (1..).zip(["queued", "running", "succeeded", "failed", "canceled"]) {
        database.execute(&format!("update bot_channel_scan_runs set status = '{status}'")).await;

        assert_eq!(send(&*database, run, n).await, Some(pages(n.cast_signed())), "{status}");

        assert_eq!(stored_run(&database, run).await.status.as_str(), status);
    }
}

#[tokio::test]
async fn a_run_of_another_channel_or_an_unknown_run_returns_none_and_nothing_changes() {
    let (database, run) = one_run().await;
    let other = channel(&database, 1001.into(), 2002).await;
    db::set_channel_reading(&*database, other, true).await.unwrap();
    let of_other = queued_run(&database, other).await;
    let everything = "select json_build_array((select json_agg(c order by channel_id) from bot_channels c),
                                              (select json_agg(r order by id) from bot_channel_scan_runs r))";
    let before = database.text(everything).await;

    for (run, channel) in [(of_other, CHANNEL), (run, other.get()), (unknown_run(), CHANNEL), (run, 7)] {
        let progress = db::record_scan_progress(&*database, run, channel.into(), 5.into(), PAGE).await.unwrap();
        assert_eq!(progress, None);
    }

    assert_eq!(database.text(everything).await, before);
}

#[tokio::test]
async fn a_number_beyond_64_bits_gives_an_error_and_nothing_is_partly_written() {
    for (table, column) in [
        ("bot_channel_scan_runs", "messages_scanned"),
        ("bot_channel_scan_runs", "messages_matched"),
        ("bot_channels", "message_count"),
    ] {
        let (database, run) = one_run().await;
        database.execute(&format!("update {table} set {column} = {}", i64::MAX - 6)).await;
        let before = stored(&database, run).await;

        let error = db::record_scan_progress(&*database, run, CHANNEL.into(), 5.into(), PAGE).await.unwrap_err();

        assert_eq!((error.function(), error.sqlstate()), (Some("record_scan_progress"), Some("22003")), "{column}");
        assert_eq!(stored(&database, run).await, before, "{column}");
    }
}

#[tokio::test]
async fn fifty_repetitions_at_once_count_once_and_each_returns_the_totals() {
    for locked in ["bot_channels", "bot_channel_scan_runs"] {
        let (database, run) = one_run().await;
        send(&*database, run, 100).await;

        let locking = format!("select from {locked} for update");
        let totals = fifty_at_once(&database, &locking, |db, _| async move { send(&db, run, 200).await }).await;

        assert_eq!(totals, [Some(pages(2)); 50], "{locked}");
        let (run, channel) = stored(&database, run).await;
        assert_eq!((run.messages_scanned, run.messages_matched), (200, 14), "{locked}");
        assert_eq!(channel.message_count, 200, "{locked}");
    }
}

#[tokio::test]
async fn pages_of_8_tasks_that_repeat_random_pages_add_up_exactly() {
    let (database, _) = one_run().await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(queued_run(&database, CHANNEL.into()).await);
    }

    // Two tasks each record the same pages of a run, and sometimes repeat an earlier page.
    concurrently(8, |task| {
        let (db, run) = (database.db.clone(), runs[usize::try_from(task / 2).unwrap()]);
        async move {
            for page in 1..=50 {
                send(&db, run, page).await;
                send(&db, run, rand::random_range(1..=page)).await;
            }
        }
    })
    .await;

    for run in runs {
        let run = stored_run(&database, run).await;
        assert_eq!((run.messages_scanned, run.messages_matched), (5000, 350));
    }
    assert_eq!(stored_channel(&database, CHANNEL.into()).await.message_count, 4 * 5000);
}

/// Lets the second page be stored and cuts its connection before the answer arrives. Returns the result of the call.
async fn without_answer<T>(database: &TestDatabase, proxy: &Proxy, sending: impl Future<Output = T>) -> T {
    proxy.hold();
    let cutting = async {
        wait_for_value(database, "select message_count from bot_channels", "200").await;
        proxy.cut().await;
        proxy.release();
    };
    tokio::join!(sending, cutting).0
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_counts_once_when_it_is_sent_again() {
    let (database, run) = one_run().await;
    let proxy = Proxy::to(&database.name).await;
    let connection = proxy.pool(1).await.connection().await.unwrap();
    send(&connection, run, 100).await;

    let page = db::record_scan_progress(&connection, run, CHANNEL.into(), 200.into(), PAGE);
    let error = without_answer(&database, &proxy, page).await.unwrap_err();

    assert!(error.is_outcome_unknown() && error.is_retryable(), "{error:?}");
    assert_eq!(send(&*database, run, 200).await, Some(pages(2)));
    assert_eq!(stored_channel(&database, CHANNEL.into()).await.message_count, 200);
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_is_sent_again_by_the_pool_and_counts_once() {
    let (database, run) = one_run().await;
    let proxy = Proxy::to(&database.name).await;
    let db = proxy.pool(1).await;
    send(&db, run, 100).await;

    let progress = without_answer(&database, &proxy, send(&db, run, 200)).await;

    assert_eq!(progress, Some(pages(2)));
    assert_eq!(stored_channel(&database, CHANNEL.into()).await.message_count, 200);
}

type RecordTask = JoinHandle<Result<Option<ScanProgress>, Error>>;

fn spawn_record(database: &TestDatabase, run: ScanRunId) -> RecordTask {
    let db = database.db.clone();
    tokio::spawn(async move { db::record_scan_progress(&db, run, CHANNEL.into(), 5.into(), PAGE).await })
}

/// Deletes the channel, alone or with its guild. Returns the number of deleted rows.
fn spawn_delete(database: &TestDatabase, with_guild: bool) -> JoinHandle<Result<u64, Error>> {
    let db = database.db.clone();
    tokio::spawn(async move {
        if with_guild {
            db::delete_guilds(&db, &[1001.into()]).await
        } else {
            db::delete_channels(&db, &[CHANNEL.into()]).await
        }
    })
}

#[tokio::test]
async fn a_page_that_waits_for_a_deletion_returns_none_and_does_not_deadlock() {
    for with_guild in [false, true] {
        let (database, run) = one_run().await;
        let lock_holder = LockHolder::new(&database, "select from bot_channels for update").await;

        let deletion = spawn_delete(&database, with_guild);
        lock_holder.wait_until_blocked(1).await;
        let page = spawn_record(&database, run);
        lock_holder.wait_until_blocked(2).await;
        lock_holder.rollback().await;

        assert_eq!(deletion.await.unwrap().unwrap(), 1);
        assert_eq!(page.await.unwrap().unwrap(), None);
    }
}

#[tokio::test]
async fn a_deletion_that_waits_for_a_page_does_not_deadlock() {
    for with_guild in [false, true] {
        let (database, run) = one_run().await;
        let lock_holder = LockHolder::new(&database, "select from bot_channel_scan_runs for update").await;

        let page = spawn_record(&database, run);
        lock_holder.wait_until_blocked(1).await;
        let deletion = spawn_delete(&database, with_guild);
        lock_holder.wait_until_blocked(2).await;
        lock_holder.rollback().await;

        assert_eq!(page.await.unwrap().unwrap(), Some(pages(1)));
        assert_eq!(deletion.await.unwrap().unwrap(), 1);
    }
}
