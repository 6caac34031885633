//! How much memory a call takes. Each figure is measured in a separate process that does nothing else: a test starts this
//! binary again, for this test only. Linux reports the peak of a process, so these tests run on Linux only.

use std::fs;
use std::pin::pin;

use clip_saver_db::{Channel, ChannelSnapshot, Client, Db, Error, GuildId, queries, repositories as db};
use futures::TryStreamExt as _;

use crate::support::alone::{own_url, run_alone};
use crate::support::{TestDatabase, guild};

/// The beginning of a line that reports a figure.
const FIGURE_PREFIX: &str = "KiB:";

const MIB: u64 = 1024;

/// A pool in the measured process, `None` in the process that tests.
async fn measured_pool() -> Option<Db> {
    Some(Db::connect(own_url()?.parse().unwrap()).await.unwrap())
}

fn report(figure: u64) {
    println!("\n{FIGURE_PREFIX}{figure}");
}

/// Runs a test of this file again in a separate process, and returns the figures that it reports.
fn figures<const N: usize>(test: &str, database: &TestDatabase) -> [u64; N] {
    let printed = run_alone(&format!("calls::memory::{test}"), &database.url());
    let figures: Vec<u64> = printed.lines().filter_map(|line| line.strip_prefix(FIGURE_PREFIX)?.parse().ok()).collect();
    figures.try_into().unwrap_or_else(|_| panic!("expected {N} figures in: {printed}"))
}

/// A line of /proc/self/status in KiB: `VmRSS` is the resident memory now, `VmHWM` its peak.
fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Resets the peak, so that it covers only what follows.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Drops the index. It takes much of the time and is not measured.
const WITHOUT_INDEX: &str = "drop index idx_bot_channels_guild;";

const BATCH: u64 = 200_000;

/// How far an upsert of 200,000 channels raises the peak above the memory before it, which includes the batch.
async fn growth_of_an_upsert(client: &impl Client) -> u64 {
    let mut batch = Vec::with_capacity(usize::try_from(BATCH).unwrap());
    batch.extend((0..BATCH).map(|n| {
        let id = 175_928_847_299_117_063 + n * 7_919 % BATCH; // not in order
        ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")
    }));
    reset_peak();
    let before = status_kib("VmRSS");
    assert_eq!(db::upsert_channels_for_guild(client, 1.into(), &batch).await.unwrap(), BATCH);
    status_kib("VmHWM") - before
}

/// More memory than a batch in parts takes. It takes 8 bytes a row for the order (1.6 MB here), a list of a part's rows (0.1
/// MB) and the message of a part (0.7 MB) in two of the driver's buffers. Each buffer has room for up to twice that, and
/// leaves memory behind when it grows. The pages of the program that run for the first time count, too. Measured: 11.7 MiB.
const PARTS_LIMIT: u64 = 14 * MIB;

#[tokio::test]
async fn a_batch_in_parts_takes_the_memory_of_one_part_and_of_the_row_order() {
    if let Some(db) = measured_pool().await {
        return report(growth_of_an_upsert(&db).await);
    }
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    database.execute(WITHOUT_INDEX).await;

    let [growth] = figures("a_batch_in_parts_takes_the_memory_of_one_part_and_of_the_row_order", &database);

    assert!(growth < PARTS_LIMIT, "{growth} KiB");
}

/// Shows why there are parts, and that the measurement notices the difference. Measured: 29 MiB.
#[tokio::test]
async fn a_batch_in_one_statement_takes_more_memory() {
    if let Some(db) = measured_pool().await {
        return report(growth_of_an_upsert(&db.connection().await.unwrap()).await);
    }
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    database.execute(WITHOUT_INDEX).await;

    let [growth] = figures("a_batch_in_one_statement_takes_more_memory", &database);

    assert!(growth > 3 * PARTS_LIMIT / 2, "{growth} KiB");
}

/// Stores channels of guild 1 with reading switched on.
async fn fill(database: &TestDatabase, channels: u64) {
    guild(database, 1).await;
    let sql = format!(
        "set session_replication_role = replica; {WITHOUT_INDEX}
         insert into bot_channels (channel_id, guild_id, name, type, is_reading, last_message_id, settings)
         select 175928847299117063 + n, '1', 'channel ' || n, 'text', true, n, '{{\"is_enabled\": true}}'
         from generate_series(1, {channels}) n; analyze bot_channels"
    );
    database.execute(&sql).await;
}

#[tokio::test]
async fn streaming_a_million_channels_stays_under_32_mib() {
    if let Some(db) = measured_pool().await {
        let connection = db.connection().await.unwrap();
        let (query, guild) = (queries::channels::get_channels_by_guild(), GuildId::from(1));
        let channels = query.bind(&connection, &guild).map(|row| Channel::try_from(row)).iter().await.unwrap();
        let mut channels = pin!(channels);
        let mut count = 0;
        while let Some(channel) = channels.try_next().await.unwrap() {
            assert!(channel.unwrap().is_reading);
            count += 1;
        }
        assert_eq!(count, 1_000_000);
        return report(status_kib("VmHWM"));
    }
    let database = TestDatabase::new().await;
    fill(&database, 1_000_000).await;

    let [peak] = figures("streaming_a_million_channels_stays_under_32_mib", &database);

    assert!(peak < 32 * MIB, "{peak} KiB");
}

/// Reports the memory of a list, and the additional peak while it was read. Returns the list: if it were dropped here, the
/// next one could reuse its memory.
async fn report_list<T>(list: impl Future<Output = Result<Vec<T>, Error>>) -> Vec<T> {
    reset_peak();
    let before = status_kib("VmRSS");
    let list = list.await.unwrap();
    assert_eq!(list.len(), 100_000);
    let held = status_kib("VmRSS");
    report(held - before);
    report(status_kib("VmHWM") - held);
    list
}

#[tokio::test]
async fn no_list_is_held_in_memory_twice() {
    if let Some(db) = measured_pool().await {
        let channels = report_list(db::get_channels_by_guild(&db, 1.into())).await;
        let reading = report_list(db::get_reading_channels(&db, 1.into())).await;
        let guilds = report_list(db::get_guilds(&db)).await;
        let runs = report_list(db::get_scan_runs(&db, 1.into(), 100_000)).await;
        return drop((channels, reading, guilds, runs));
    }
    let database = TestDatabase::new().await;
    fill(&database, 100_000).await;
    let others = "set session_replication_role = replica;
        insert into bot_guilds (guild_id, name) select n, 'guild ' || n from generate_series(2, 100000) n;
        insert into bot_channel_scan_runs (channel_id, error_message) select '1', n from generate_series(1, 100000) n";
    database.execute(others).await;

    let all: [u64; 8] = figures("no_list_is_held_in_memory_twice", &database);

    for figure in all.chunks(2) {
        let (list, additional) = (figure[0], figure[1]);
        assert!(list > 4 * MIB && additional < list / 8, "a list of {list} KiB took {additional} KiB more: {all:?}");
    }
}
