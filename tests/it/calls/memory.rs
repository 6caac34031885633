//! How much memory a call takes. Each figure is that of a process of its own, which does nothing else: a test starts this
//! binary again, for itself alone. Linux tells the peak of a process, so these tests are there on Linux alone.

use std::pin::pin;
use std::process::Command;
use std::{env, fs};

use clip_saver_db::{Channel, ChannelSnapshot, Client, Db, Error, GuildId, queries, repositories as db};
use futures::TryStreamExt as _;

use crate::support::{TestDatabase, guild};

/// Tells the process that is measured where the database is.
const MEASURED: &str = "CLIP_TEST_MEASURED_URL";

/// What precedes a figure that it prints.
const FIGURE: &str = "KiB:";

const MIB: u64 = 1024;

/// The handle in the process that is measured; `None` in the one that tests.
async fn measured() -> Option<Db> {
    let url = env::var(MEASURED).ok()?;
    Some(Db::connect(url.parse().unwrap()).await.unwrap())
}

fn report(figure: u64) {
    println!("\n{FIGURE}{figure}");
}

/// Runs a test of this file once more, in a process of its own, and returns the figures that it reports.
fn figures<const N: usize>(test: &str, database: &TestDatabase) -> [u64; N] {
    let mut process = Command::new(env::current_exe().unwrap());
    process.args([&format!("calls::memory::{test}"), "--exact", "--nocapture"]).env(MEASURED, database.url());
    let output = process.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let figures: Vec<u64> = printed.lines().filter_map(|line| line.strip_prefix(FIGURE)?.parse().ok()).collect();
    figures.try_into().unwrap_or_else(|_| panic!("{N} figures in {printed}"))
}

/// A line of /proc/self/status, in KiB: `VmRSS` is what is resident now, `VmHWM` what was at most.
fn resident(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// From here on the peak is that of what follows.
fn forget_the_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The indexes take most of the time, and are not what is measured.
const WITHOUT_INDEXES: &str = "drop index idx_bot_channels_guild, idx_bot_channels_isreading,
    idx_bot_channels_last_message_id, idx_bot_channels_work, idx_bot_channels_work_order;";

const BATCH: u64 = 200_000;

/// How far an upsert of 200,000 channels raises the peak above what was there, the batch included.
async fn growth_of_an_upsert(client: &impl Client) -> u64 {
    let mut batch = Vec::with_capacity(usize::try_from(BATCH).unwrap());
    batch.extend((0..BATCH).map(|n| {
        let id = 175_928_847_299_117_063 + n * 7_919 % BATCH; // not in order
        ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")
    }));
    forget_the_peak();
    let before = resident("VmRSS");
    assert_eq!(db::upsert_channels_for_guild(client, 1.into(), &batch).await.unwrap(), BATCH);
    resident("VmHWM") - before
}

/// More than a batch in parts takes: 8 bytes a row for the order (1.6 MB here), a list of the rows of a part (0.1 MB), and
/// its message (0.7 MB) in two buffers of the driver, each with room for up to twice that, and what their growing left.
/// Measured: 10.7 MiB.
const PARTS: u64 = 12 * MIB;

#[tokio::test]
async fn a_batch_in_parts_takes_no_more_than_a_part_and_an_order() {
    if let Some(db) = measured().await {
        return report(growth_of_an_upsert(&db).await);
    }
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    database.execute(WITHOUT_INDEXES).await;

    let [growth] = figures("a_batch_in_parts_takes_no_more_than_a_part_and_an_order", &database);

    assert!(growth < PARTS, "{growth} KiB");
}

/// What the parts are for, and that the measurement would see it. Measured: 29 MiB.
#[tokio::test]
async fn a_batch_in_one_statement_takes_more() {
    if let Some(db) = measured().await {
        return report(growth_of_an_upsert(&db.connection().await.unwrap()).await);
    }
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    database.execute(WITHOUT_INDEXES).await;

    let [growth] = figures("a_batch_in_one_statement_takes_more", &database);

    assert!(growth > 2 * PARTS, "{growth} KiB");
}

/// Channels of guild 1 that are read.
async fn fill(database: &TestDatabase, channels: u64) {
    guild(database, 1).await;
    let sql = format!(
        "set session_replication_role = replica; {WITHOUT_INDEXES}
         insert into bot_channels (channel_id, guild_id, name, type, is_reading, last_message_id, settings)
         select 175928847299117063 + n, '1', 'channel ' || n, 'text', true, n, '{{\"is_enabled\": true}}'
         from generate_series(1, {channels}) n; analyze bot_channels"
    );
    database.execute(&sql).await;
}

#[tokio::test]
async fn streaming_a_million_channels_stays_under_32_mib() {
    if let Some(db) = measured().await {
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
        return report(resident("VmHWM"));
    }
    let database = TestDatabase::new().await;
    fill(&database, 1_000_000).await;

    let [peak] = figures("streaming_a_million_channels_stays_under_32_mib", &database);

    assert!(peak < 32 * MIB, "{peak} KiB");
}

/// Reports what a list takes, and what was taken beside it while it was read. Gives it back: the next one would come to lie
/// where it was.
async fn report_list<T>(list: impl Future<Output = Result<Vec<T>, Error>>) -> Vec<T> {
    forget_the_peak();
    let before = resident("VmRSS");
    let list = list.await.unwrap();
    assert_eq!(list.len(), 100_000);
    let held = resident("VmRSS");
    report(held - before);
    report(resident("VmHWM") - held);
    list
}

#[tokio::test]
async fn no_list_is_held_twice() {
    if let Some(db) = measured().await {
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

    let all: [u64; 8] = figures("no_list_is_held_twice", &database);

    for figure in all.chunks(2) {
        let (list, beside) = (figure[0], figure[1]);
        assert!(list > 4 * MIB && beside < list / 8, "{beside} KiB beside a list of {list} KiB: {all:?}");
    }
}
