//! Coverage: what of a channel was read, its gaps, and what a database begins with that is migrated.

use std::collections::BTreeMap;

use clip_saver_db::{Db, ScanPage, repositories as db};

use crate::project::style::files;
use crate::support::scans::{channel_of, claimed, coverage, ids, interval, page, recorded};
use crate::support::{TestDatabase, connect, create_database, drop_database, url_of};

async fn gaps(database: &Db, up_to: u64) -> Vec<(u64, u64)> {
    let gaps = db::get_scan_gaps(database, 2001.into(), up_to.into()).await.unwrap();
    gaps.into_iter().map(|gap| (gap.first.get(), gap.last.get())).collect()
}

#[tokio::test]
async fn intervals_that_touch_merge() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    for (first, last) in [(10, 20), (40, 50), (21, 30)] {
        recorded(&database, &claim, &page(first, last)).await;
    }
    assert_eq!(coverage(&database, claim.channel_id).await, [(10, 30), (40, 50)]);
    recorded(&database, &claim, &page(31, 39)).await;
    assert_eq!(coverage(&database, claim.channel_id).await, [(10, 50)]);
}

#[tokio::test]
async fn gaps_are_what_lies_between_the_intervals_from_0_up_to_an_id() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    assert_eq!(gaps(&database, 100).await, [(0, 100)]);

    recorded(&database, &claim, &page(10, 20)).await;
    recorded(&database, &claim, &page(40, 50)).await;

    assert_eq!(gaps(&database, 100).await, [(0, 9), (21, 39), (51, 100)]);
    assert_eq!(gaps(&database, 30).await, [(0, 9), (21, 30)]);
    assert_eq!(gaps(&database, 15).await, [(0, 9)]);
    assert_eq!(gaps(&database, 0).await, [(0, 0)]);
    let largest = u64::MAX >> 1;
    assert_eq!(gaps(&database, largest).await.last(), Some(&(51, largest)));
    let too_large = db::get_scan_gaps(&*database, claim.channel_id, (largest + 1).into()).await.unwrap_err();
    assert_eq!(too_large.field(), Some("up_to"));
}

#[tokio::test]
async fn the_cursor_of_an_old_program_closes_gaps_below_it() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &page(10, 20)).await;
    recorded(&database, &claim, &page(40, 50)).await;

    db::update_channel_progress(&*database, claim.channel_id, 45.into(), 1).await.unwrap();

    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 50)]);
    assert_eq!(gaps(&database, 60).await, [(51, 60)]);
}

#[tokio::test]
async fn a_channel_that_is_unknown_has_no_intervals_and_no_gaps() {
    let database = TestDatabase::new().await;

    assert_eq!(coverage(&database, 404.into()).await, []);
    assert_eq!(gaps(&database, 100).await, []);
}

#[tokio::test]
async fn a_page_without_messages_covers_its_interval_and_counts_nothing() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;

    assert_eq!(recorded(&database, &claim, &ScanPage::new(interval(0, 99), ids([]))).await.new_messages, 0);
    assert_eq!(coverage(&database, claim.channel_id).await, [(0, 99)]);
}

#[tokio::test]
async fn a_message_that_is_missing_on_a_page_that_covers_it_is_never_counted() {
    let database = TestDatabase::new().await;
    let claim = claimed(&database).await;
    recorded(&database, &claim, &ScanPage::new(interval(1, 9), ids([1, 9]))).await;

    assert_eq!(recorded(&database, &claim, &page(5, 10)).await.new_messages, 1);
}

/// The texts of migrations, without the word that no transaction may hold.
fn migrations(versions: std::ops::RangeInclusive<u32>) -> String {
    let files = files("migrations", ".sql");
    let text = |version| {
        let start = format!("migrations/V{version}__");
        let (_, text) = files.iter().find(|(path, _)| path.starts_with(&start)).expect("the migration is there");
        text.replace(" concurrently", "")
    };
    versions.map(text).collect()
}

/// Cursors that old programs stored, and what they cover.
const CURSORS: [(&str, Option<&str>); 14] = [
    ("0", Some("{[0,1)}")),
    ("999", Some("{[0,1000)}")),
    ("1234567890123456789", Some("{[0,1234567890123456790)}")),
    ("9223372036854775806", Some("{[0,9223372036854775807)}")),
    ("9223372036854775807", Some("{[0,)}")),
    ("18446744073709551615", Some("{[0,)}")),
    ("18446744073709551616", None),
    ("NaN", None),
    ("", None),
    (" 5", None),
    ("-5", None),
    ("1e4", None),
    ("007", None),
    ("５", None),
];

#[tokio::test]
async fn a_database_that_is_migrated_begins_with_everything_up_to_each_cursor() {
    let name = create_database("template template0").await;
    let sql = connect(&url_of(&name)).await;
    sql.batch_execute(&migrations(1..=6)).await.unwrap();
    sql.batch_execute("insert into bot_guilds (guild_id, name) values ('1', 'g')").await.unwrap();
    sql.batch_execute("insert into bot_channels (channel_id, guild_id) values ('none', '1')").await.unwrap();
    let insert = "insert into bot_channels (channel_id, guild_id, last_message_id) values ($1, '1', $1)";
    for (cursor, _) in CURSORS {
        sql.execute(insert, &[&cursor]).await.unwrap();
    }

    sql.batch_execute(&migrations(7..=7)).await.unwrap();

    let stored = sql.query("select channel_id, covered::text from bot_channel_coverage", &[]).await.unwrap();
    let stored: BTreeMap<String, String> = stored.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = CURSORS.iter().filter_map(|(cursor, covered)| Some((cursor.to_string(), (*covered)?.to_owned())));
    assert_eq!(stored, expected.collect());
    drop_database(&name);
}

#[tokio::test]
async fn a_cursor_that_an_old_program_stores_later_covers_the_same() {
    let database = TestDatabase::new().await;
    let channel = channel_of(&database, 1001, 2001).await;
    for (cursor, covered) in CURSORS {
        database.execute(&format!("update bot_channels set last_message_id = '{cursor}'")).await;

        let last = db::get_scan_coverage(&*database, channel).await.unwrap().pop().map(|interval| interval.last);
        let end =
            covered.map(|covered| covered.trim_matches(|c: char| !c.is_ascii_digit()).split(',').nth(1).unwrap_or(""));
        let end = end.map(|end| end.parse().map_or(u64::MAX >> 1, |end: u64| end - 1));
        assert_eq!(last.map(clip_saver_db::MessageId::get), end, "{cursor}");
    }
}
