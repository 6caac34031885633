//! What a scan's writes cost the server: bytes of WAL, and whether rows are updated in place (heap-only tuples), so that no index
//! is written.

use std::time::Duration;

use clip_saver_db::{
    ChannelId, Config, Db, GenericClient as _, RecordedScanPage, ScanIncrement, ScanRequest, ScanWorker,
    repositories as db,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::races::TEST_TIMEOUT;
use crate::support::scans::{channel_of, page};
use crate::support::{Server, TestDatabase, connect, value};

/// A server of its own: its WAL is the test's. Without images of whole pages, which depend on checkpoints, the figures are the
/// same in every run. No vacuum cleans up.
const SETTINGS: [&str; 2] = ["autovacuum=off", "full_page_writes=off"];

const CHANNELS: u64 = 100;

/// Calls of each function. A row is updated 50 times.
const CALLS: u64 = 5_000;

/// What the calls of one function did to a table.
struct Cost {
    wal_per_call: u64,
    /// How many of 100 updates were in place.
    hot: u64,
    /// How much the table's indexes grew, in bytes.
    growth: i64,
}

/// Runs the calls, each with its number, in order, and returns what they cost.
async fn cost(url: &str, table: &str, call: impl AsyncFn(&Db, u64)) -> Cost {
    let client = connect(url).await;
    let indexes = format!("select pg_indexes_size('{table}')");
    let wal = "select pg_current_wal_insert_lsn() - '0/0'";
    let updates = format!("select n_tup_upd from pg_stat_user_tables where relname = '{table}'");
    let hot = format!("select n_tup_hot_upd from pg_stat_user_tables where relname = '{table}'");
    let before = [number(&client, &updates).await, number(&client, &hot).await];
    let size = number(&client, &indexes).await;
    let start = number(&client, wal).await;

    let db = Db::connect(url.parse::<Config>().unwrap()).await.unwrap();
    for number in 0..CALLS {
        call(&db, number).await;
    }

    let wal_per_call = (number(&client, wal).await - start).unsigned_abs() / CALLS;
    // A session counts its updates at the latest when it ends.
    db.close().await;
    let counted = async { while number(&client, &updates).await < before[0] + CALLS.cast_signed() {} };
    timeout(TEST_TIMEOUT, counted).await.expect("the session's counts arrive");
    let hot = (number(&client, &hot).await - before[1]).unsigned_abs() * 100 / CALLS;
    Cost { wal_per_call, hot, growth: number(&client, &indexes).await - size }
}

async fn number(client: &Client, sql: &str) -> i64 {
    value(client, sql).await.unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_writes_of_a_scan_update_rows_in_place_and_write_little_wal() {
    let server = Server::start(&SETTINGS);
    let db = Db::connect(server.url.parse::<Config>().unwrap()).await.unwrap();
    db.migrate().await.unwrap();
    let mut runs = Vec::new();
    for channel in 0..CHANNELS {
        let channel = channel_of(&db, 1001, 2001 + channel).await;
        runs.push((channel, db::enqueue_scan_run(&db, channel).await.unwrap().unwrap()));
        db::request_scan(&db, channel, &ScanRequest::new()).await.unwrap();
    }
    let claims = db::claim_scan_runs(&db, &ScanWorker::new("w"), 100, Duration::from_hours(1)).await.unwrap();
    let of = |number: u64| usize::try_from(number % CHANNELS).unwrap();
    let message = |number: u64| 1_100_000_000_000_000_000 + number / CHANNELS * 1_000;

    let progress = cost(&server.url, "bot_channels", async |db, number| {
        assert!(db::update_channel_progress(db, runs[of(number)].0, message(number).into(), 100).await.unwrap());
    })
    .await;
    let later = |number: u64| message(number) + 1_000_000_000;
    let counted = ScanIncrement::scanned(100);
    let both = async |db: &Db, number: u64| {
        let (channel, run) = runs[of(number)];
        db::record_scan_progress(db, run, channel, later(number).into(), counted).await.unwrap().unwrap();
    };
    let of_channels = cost(&server.url, "bot_channels", both).await;
    let latest = |number: u64| later(number) + 1_000_000_000;
    let of_runs = cost(&server.url, "bot_channel_scan_runs", async |db, number| {
        let claim = &claims[of(number)];
        let recorded = db::record_scan_page(db, claim, &page(latest(number), latest(number) + 99)).await.unwrap();
        assert!(matches!(recorded, RecordedScanPage::Recorded(_)));
    })
    .await;

    for (cost, most) in [(progress, 300), (of_channels, 550), (of_runs, 1_400)] {
        assert!(cost.wal_per_call <= most, "{} bytes of WAL, of {most}", cost.wal_per_call);
        assert!(cost.hot >= 95, "{} %", cost.hot);
        assert_eq!(cost.growth, 0);
    }
}

/// 1,000 channels on full pages.
const FULL_PAGES: &str = "insert into bot_guilds (guild_id, name) values ('1', 'one');
    insert into bot_channels (channel_id, guild_id) select n::text, '1' from generate_series(1001, 2000) n";

/// Updates one channel of each page, and returns how many that were, and how many were updated in place.
async fn first_updates(change: &str) -> [i64; 2] {
    let database = TestDatabase::new().await;
    database.execute(&format!("{change}; {FULL_PAGES}")).await;
    let of_each_page = "select string_agg(id, ' ') from (
        select min(channel_id) as id from bot_channels group by (ctid::text::point)[0]) c";
    let channels = database.text(of_each_page).await;
    let transaction = database.begin().await.unwrap();
    for channel in channels.split(' ') {
        let channel: ChannelId = channel.parse().unwrap();
        assert!(db::update_channel_progress(&transaction, channel, 7.into(), 1).await.unwrap());
    }
    let updates = "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'bot_channels'";
    let row = transaction.query_one(updates, &[]).await.unwrap();
    transaction.commit().await.unwrap();
    [row.get(0), row.get(1)]
}

/// Later updates take the room of old versions of rows.
#[tokio::test]
async fn the_first_update_on_a_full_page_finds_room_that_the_fillfactor_has_left() {
    let [updated, in_place] = first_updates("").await;
    assert!(updated >= 10 && in_place == updated, "{in_place} of {updated}");

    let [updated, in_place] = first_updates("alter table bot_channels set (fillfactor = 100)").await;
    assert!(in_place <= 1, "without it {in_place} of {updated}"); // the last page is not full
}
