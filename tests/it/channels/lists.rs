//! Reading channels: every column, the order of the lists, the counts.

use chrono::{DateTime, Utc};
use clip_saver_db::{Channel, ChannelId, Db, GuildId, repositories as db};

use crate::support::{TestDatabase, changed, channel, config, create_database, guild, json};

/// The channel as it is stored.
pub async fn stored_channel(database: &Db, channel: ChannelId) -> Channel {
    db::get_channel(database, channel).await.expect("the row can be read").expect("the channel is stored")
}

/// Parses a time.
pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("the text is a time")
}

async fn listed(database: &Db) -> Vec<u64> {
    ids(&db::get_channels_by_guild(database, 1001.into()).await.unwrap())
}

fn ids(channels: &[Channel]) -> Vec<u64> {
    channels.iter().map(|channel| channel.channel_id.get()).collect()
}

#[tokio::test]
async fn every_column_of_a_channel_is_read_and_times_are_in_utc() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    database
        .execute(
            "insert into bot_channels (
               channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at,
               last_activity_at, message_count, settings, created_at, updated_at
             ) values (
               '2001', '1001', 'clips 🎬', 'text', true, true, '1090000000000000001', '2026-03-08 02:30:00.678901+05:30',
               '2026-07-03 04:05:06Z', 250, '{\"is_enabled\": true}', '2025-01-01 00:00:00-05', '2025-12-31 23:59:59Z'
             )",
        )
        .await;

    let expected = changed!(
        Channel::new(2001.into(), 1001.into(), time("2025-01-01T05:00:00Z")),
        name = Some("clips 🎬".into()),
        kind = Some("text".into()),
        is_nsfw = true,
        is_reading = true,
        last_message_id = Some(1_090_000_000_000_000_001.into()),
        last_scanned_at = Some(time("2026-03-07T21:00:00.678901Z")),
        last_activity_at = Some(time("2026-07-03T04:05:06Z")),
        message_count = 250,
        settings = json(r#"{"is_enabled": true}"#),
        updated_at = time("2025-12-31T23:59:59Z")
    );
    assert_eq!(stored_channel(&database, 2001.into()).await, expected);
    assert_eq!(db::get_channels_by_guild(&*database, 1001.into()).await.unwrap(), vec![expected.clone()]);
    assert_eq!(db::get_reading_channels(&*database, 1001.into()).await.unwrap(), [expected]);
}

#[tokio::test]
async fn unset_columns_are_read_as_none_and_an_unset_nsfw_as_false() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let unset = "insert into bot_channels (channel_id, guild_id, is_nsfw) values ('2001', '1001', null)";
    database.execute(unset).await;

    let stored = stored_channel(&database, 2001.into()).await;

    assert_eq!((stored.name, stored.kind, stored.is_nsfw), (None, None, false));
    assert_eq!((stored.last_message_id, stored.last_scanned_at, stored.last_activity_at), (None, None, None));
    assert_eq!((stored.is_reading, stored.message_count, stored.settings), (false, 0, json("{}")));
}

#[tokio::test]
async fn get_channel_returns_none_for_an_unknown_channel() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    channel(&database, guild, 2001).await;

    assert_eq!(db::get_channel(&*database, 2002.into()).await.unwrap(), None);
    assert_eq!(stored_channel(&database, 2001.into()).await.channel_id, ChannelId::from(2001));
}

#[tokio::test]
async fn lists_and_counts_cover_only_the_given_guild() {
    let database = TestDatabase::new().await;
    let (one, other) = (guild(&database, 1001).await, guild(&database, 1002).await);
    channel(&database, one, 2001).await;
    channel(&database, other, 2002).await;
    database.execute("update bot_channels set is_reading = true, message_count = channel_id::bigint").await;

    assert_eq!(ids(&db::get_channels_by_guild(&*database, one).await.unwrap()), [2001]);
    assert_eq!(ids(&db::get_reading_channels(&*database, one).await.unwrap()), [2001]);
    assert_eq!(db::count_channels_by_guild(&*database, one).await.unwrap(), 1);
    assert_eq!(db::total_message_count(&*database, one).await.unwrap(), 2001);
}

/// Names in code-point order. A locale would sort them differently: `_x` before digits, `apple` before `Zebra`, `Äpfel`
/// next to `apple`. UTF-16 would put the emoji before the wide tilde.
const IN_CODE_POINT_ORDER: [&str; 10] = ["", "10", "9", "Zebra", "_x", "apple", "e\u{301}", "Äpfel", "～", "🎬"];

async fn assert_names_are_listed_in_code_point_order(database: &Db) {
    let guild = guild(database, 1001).await;
    let snapshots: Vec<_> = IN_CODE_POINT_ORDER
        .iter()
        .enumerate()
        .map(|(place, name)| clip_saver_db::ChannelSnapshot::new((100 - place as u64).into(), *name, "text"))
        .collect();
    db::upsert_channels_for_guild(database, guild, &snapshots).await.unwrap();

    let listed = db::get_channels_by_guild(database, guild).await.unwrap();

    let names: Vec<_> =
        listed.iter().map(|channel| channel.name.as_deref().expect("the channels have names")).collect();
    assert_eq!(names, IN_CODE_POINT_ORDER);
}

#[tokio::test]
async fn channels_are_listed_by_name_in_code_point_order() {
    let database = TestDatabase::new().await;
    assert_names_are_listed_in_code_point_order(&database).await;
}

#[tokio::test]
async fn channels_are_listed_by_name_in_code_point_order_in_a_database_with_another_collation() {
    let english = "template template0 locale_provider icu icu_locale 'en-US' locale 'C' encoding 'UTF8'";
    let name = create_database(english).await;
    let database = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };
    database.migrate().await.unwrap();
    assert_eq!(
        database.text("select '_x' < '10' and 'apple' < 'Zebra'").await,
        "t",
        "the database sorts in English order"
    );

    assert_names_are_listed_in_code_point_order(&database).await;
}

#[tokio::test]
async fn channels_with_the_same_name_are_listed_by_id_and_channels_without_a_name_last() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    database
        .execute(
            "insert into bot_channels (channel_id, guild_id, name) values
               ('8', '1001', null), ('70', '1001', null), ('10', '1001', 'b'), ('9', '1001', 'b'), ('11', '1001', 'a'),
               ('18446744073709551615', '1001', 'b')",
        )
        .await;

    assert_eq!(listed(&database).await, [11, 9, 10, u64::MAX, 8, 70]);
}

#[tokio::test]
async fn an_unknown_guild_has_no_channels() {
    let database = TestDatabase::new().await;
    let unknown = GuildId::from(1001);

    assert_eq!(db::get_channels_by_guild(&*database, unknown).await.unwrap(), []);
    assert_eq!(db::get_reading_channels(&*database, unknown).await.unwrap(), []);
    assert_eq!(db::count_channels_by_guild(&*database, unknown).await.unwrap(), 0);
    assert_eq!(db::total_message_count(&*database, unknown).await.unwrap(), 0);
}

#[tokio::test]
async fn reading_channels_are_listed_in_work_order_never_scanned_first_then_longest_ago() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    database
        .execute(
            "insert into bot_channels (channel_id, guild_id, is_reading, last_scanned_at) values
               ('1', '1001', true, '2026-01-03Z'), ('2', '1001', true, '2026-01-01Z'), ('10', '1001', true, null),
               ('9', '1001', true, null), ('5', '1001', true, '2026-01-02Z'), ('4', '1001', true, '2026-01-02Z'),
               ('3', '1001', false, null), ('6', '1001', false, '2026-01-01Z')",
        )
        .await;

    let reading = db::get_reading_channels(&*database, 1001.into()).await.unwrap();

    assert_eq!(ids(&reading), [9, 10, 2, 4, 5, 1]);
}

#[tokio::test]
async fn count_channels_by_guild_counts_channels_with_and_without_reading() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    for id in [2001, 2002, 2003] {
        channel(&database, guild, id).await;
    }
    db::set_channel_reading(&*database, 2002.into(), true).await.unwrap();

    assert_eq!(db::count_channels_by_guild(&*database, guild).await.unwrap(), 3);
}

#[tokio::test]
async fn message_counts_are_summed() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    for (id, by) in [(2001, 250), (2002, -50), (2003, i64::MAX - 1000)] {
        let channel = channel(&database, guild, id).await;
        db::increment_channel_message_count(&*database, channel, by).await.unwrap();
    }

    assert_eq!(db::total_message_count(&*database, guild).await.unwrap(), i64::MAX - 800);
}

#[tokio::test]
async fn a_sum_of_message_counts_beyond_64_bits_gives_an_error() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    for (id, by) in [(2001, i64::MAX), (2002, 1)] {
        let channel = channel(&database, guild, id).await;
        db::increment_channel_message_count(&*database, channel, by).await.unwrap();
    }

    let error = db::total_message_count(&*database, guild).await.unwrap_err();

    assert_eq!((error.function(), error.sqlstate()), (Some("total_message_count"), Some("22003")));
    assert!(!error.is_retryable());
}
