//! The progress of many scans with images of whole pages in the WAL, as PostgreSQL's default has it.

use clip_saver_db::{Db, ScanIncrement, repositories as db};

use crate::common::numbers::{float, whole};
use crate::functions::{snowflake, start};
use crate::meter::{Meter, Updates};

const CHANNELS: u64 = 1_000;

const UPDATES: u64 = 20_000;

/// The table: a row for each of the two functions.
pub async fn table(meter: &Meter<'_>) -> String {
    meter.execute("alter system set full_page_writes = on").await;
    meter.execute("select pg_reload_conf()").await;
    let (db, mut started) = (meter.open().await, Vec::new());
    for number in 0..CHANNELS {
        started.push(start(&db, number).await);
    }
    meter.close(db).await;
    let of = |number: u64| started[usize::try_from(number % CHANNELS).expect("it is small")];
    let increment = ScanIncrement::scanned(100);
    let head = "| 20,000 updates | WAL bytes | HOT, `bot_channels` | HOT, `bot_channel_scan_runs` | indexes before, kB | after |\n\
        |---|---:|---:|---:|---:|---:|\n";
    let progress = measured(meter, async |db, number| {
        let (channel, _) = of(number);
        db::update_channel_progress(db, channel, snowflake(number), 100).await.expect("written");
    });
    let both = measured(meter, async |db, number| {
        let (channel, run) = of(number);
        let recorded = db::record_scan_progress(db, run, channel, snowflake(UPDATES + number), increment).await;
        recorded.expect("written").expect("the run is of this channel");
    });
    let (progress, both) = (progress.await, both.await);
    format!("{head}| update_channel_progress | {progress} |\n| record_scan_progress | {both} |\n")
}

/// The cells of a row.
async fn measured(meter: &Meter<'_>, update: impl AsyncFn(&Db, u64)) -> String {
    let before = updates(meter).await;
    meter.execute("checkpoint").await;
    let (size, wal) = (index_size(meter).await, meter.wal().await);
    let db = meter.open().await;
    for number in 0..UPDATES {
        update(&db, number).await;
    }
    meter.close(db).await;
    let wal = whole((meter.wal().await - wal) / float(UPDATES));
    let after = updates(meter).await;
    let [channels, runs] = [0, 1].map(|table| after[table].since(&before[table]));
    format!("{wal} | {channels} | {runs} | {} | {}", whole(size), whole(index_size(meter).await))
}

/// Of channels, and of runs.
async fn updates(meter: &Meter<'_>) -> [Updates; 2] {
    [Updates::of_table(meter, "bot_channels").await, Updates::of_table(meter, "bot_channel_scan_runs").await]
}

/// The indexes of both tables, in kB.
async fn index_size(meter: &Meter<'_>) -> f64 {
    const BOTH: &str =
        "select (pg_indexes_size('bot_channels') + pg_indexes_size('bot_channel_scan_runs'))::float8 / 1024";
    meter.numbers(BOTH).await[0]
}
