//! Batches of more than 10,000 rows: they are sent in parts and keep every promise of a single statement.

use clip_saver_db::{
    ChannelId, ChannelSnapshot, Client, GuildSnapshot, Settings, UserSnapshot, close_db, repositories as db,
};

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, changed, guild, json};

/// A number of rows that needs three parts.
pub const MANY: u64 = 25_000;

pub fn users(ids: impl IntoIterator<Item = u64>) -> Vec<UserSnapshot> {
    ids.into_iter().map(|id| UserSnapshot::new(id.into(), format!("user {id}"))).collect()
}

pub fn channels(ids: impl IntoIterator<Item = u64>) -> Vec<ChannelSnapshot> {
    ids.into_iter().map(|id| ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")).collect()
}

fn guilds(ids: impl IntoIterator<Item = u64>) -> Vec<GuildSnapshot> {
    ids.into_iter().map(|id| GuildSnapshot::new(id.into(), format!("guild {id}"))).collect()
}

fn with_channels(channels: Vec<ChannelSnapshot>) -> GuildSnapshot {
    changed!(GuildSnapshot::new(1001.into(), "Testers"), owner_user_id = Some(7.into()), channels)
}

/// Records each statement that inserts into (or deletes from) a table: its number of rows, transaction and time.
pub async fn record_statements(database: &TestDatabase, event: &str, table: &str) {
    let rows = if event == "insert" { "new" } else { "old" };
    let sql = format!(
        "create table recorded_statements (n serial, rows bigint, transaction bigint, at timestamptz);
         create function record_statements() returns trigger language plpgsql as $$ begin
           insert into recorded_statements (rows, transaction, at) select count(*), txid_current(), now() from changed;
           return null;
         end $$;
         create trigger record_statements after {event} on {table} referencing {rows} table as changed
           for each statement execute function record_statements()"
    );
    database.execute(&sql).await;
}

/// The number of rows of each committed statement, then the numbers of distinct transactions and of distinct times.
pub async fn recorded_statements(database: &TestDatabase) -> String {
    let recorded_statements =
        "select concat_ws(' ', string_agg(rows::text, '+' order by n), count(distinct transaction),
        count(distinct at)) from recorded_statements";
    database.text(recorded_statements).await
}

#[tokio::test]
async fn ten_thousand_rows_are_one_statement_and_more_are_parts_of_one_transaction() {
    for (rows, sent) in [(10_000, "10000 1 1"), (10_001, "10000+1 1 1"), (MANY, "10000+10000+5000 1 1")] {
        let database = TestDatabase::new().await;
        record_statements(&database, "insert", "users").await;

        assert_eq!(db::upsert_users(&*database, &users(1..=rows)).await.unwrap(), rows);

        assert_eq!(recorded_statements(&database).await, sent);
        assert_eq!(database.text("select count(*) from users where username = 'user ' || discord_user_id").await, {
            rows.to_string()
        });
    }
}

#[tokio::test]
async fn guilds_are_written_in_parts() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "bot_guilds").await;

    assert_eq!(db::upsert_guilds(&*database, &guilds(1..=MANY)).await.unwrap(), MANY);

    assert_eq!(recorded_statements(&database).await, "10000+10000+5000 1 1");
    let right = "select count(*) filter (where name = 'guild ' || guild_id) || ' ' || count(distinct last_seen_at)";
    assert_eq!(database.text(&format!("{right} from bot_guilds")).await, "25000 1");
}

#[tokio::test]
async fn channels_are_written_and_deleted_in_parts() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    record_statements(&database, "insert", "bot_channels").await;

    assert_eq!(db::upsert_channels_for_guild(&*database, guild, &channels(1..=MANY)).await.unwrap(), MANY);

    assert_eq!(recorded_statements(&database).await, "10000+10000+5000 1 1");
    let right = "select count(*) filter (where name = 'channel ' || channel_id) || ' ' || count(distinct updated_at)";
    assert_eq!(database.text(&format!("{right} from bot_channels")).await, "25000 1");

    database.execute("drop table recorded_statements; drop function record_statements cascade").await;
    record_statements(&database, "delete", "bot_channels").await;
    let ids: Vec<ChannelId> = (1..=MANY).chain(1..=MANY).map(Into::into).collect();

    assert_eq!(db::delete_channels(&*database, &ids).await.unwrap(), MANY);

    assert_eq!(recorded_statements(&database).await, "5000+5000+5000+5000+5000 1 1", "the list holds each id twice");
}

#[tokio::test]
async fn sync_guild_writes_guild_and_owner_with_the_first_part_of_the_channels() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "bot_channels").await;

    assert_eq!(db::sync_guild(&*database, &with_channels(channels(1..=MANY))).await.unwrap(), MANY);

    assert_eq!(recorded_statements(&database).await, "10000+10000+5000 1 1");
    let guild = db::get_guild(&*database, 1001.into()).await.unwrap().unwrap();
    assert_eq!((guild.name.as_str(), guild.owner_user_id), ("Testers", Some(7.into())));
    assert_eq!(db::count_channels_by_guild(&*database, guild.guild_id).await.unwrap(), MANY);
    assert_eq!(database.text("select ctid from bot_guilds").await, "(0,1)", "the guild is written once");
}

/// It must lock all guilds of the batch before their channels. Parts could not do that.
#[tokio::test]
async fn delete_guilds_sends_a_batch_of_any_size_as_one_statement() {
    let database = TestDatabase::new().await;
    db::upsert_guilds(&*database, &guilds(1..=MANY)).await.unwrap();
    record_statements(&database, "delete", "bot_guilds").await;
    let ids: Vec<_> = (1..=MANY).map(Into::into).collect();

    assert_eq!(db::delete_guilds(&*database, &ids).await.unwrap(), MANY);

    assert_eq!(recorded_statements(&database).await, "25000 1 1");
}

#[tokio::test]
async fn all_rows_of_a_key_are_in_one_part() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "users").await;
    // In key order: 0, then each user twice. So rows 10,000 and 10,001 have the same key.
    let batch = users((1..=MANY).chain(1..=MANY).chain([0]));

    assert_eq!(db::upsert_users(&*database, &batch).await.unwrap(), MANY + 1);

    assert_eq!(recorded_statements(&database).await, "5000+5000+5000+5000+5000+1 1 1");
}

#[tokio::test]
async fn all_rows_of_a_key_are_in_one_part_even_if_they_are_more_than_a_part() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "users").await;
    let mut batch = users([2, 1]);
    batch.extend((0..MANY).map(|n| UserSnapshot::new(5.into(), n.to_string())));
    batch.extend(users([9]));

    assert_eq!(db::upsert_users(&*database, &batch).await.unwrap(), 4);

    assert_eq!(recorded_statements(&database).await, "2+1+1 1 1");
    assert_eq!(database.text("select username from users where discord_user_id = '5'").await, "24999");
}

#[tokio::test]
async fn the_last_duplicate_wins_and_overrides_are_merged_however_far_apart_the_duplicates_are() {
    let database = TestDatabase::new().await;
    let mut batch = channels((1..=MANY).chain(1..=MANY));
    for (place, channel) in batch.iter_mut().enumerate() {
        channel.name = Some(place.to_string());
        channel.settings_overrides = Some(json(&format!(r#"{{"last": {place}, "at {place}": true}}"#)));
    }

    for _ in ["new", "known"] {
        let written = db::sync_guild(&*database, &with_channels(batch.clone())).await.unwrap();

        assert_eq!(written, MANY);
        for id in [1, 9_999, 10_000, 10_001, MANY] {
            let channel = db::get_channel(&*database, id.into()).await.unwrap().unwrap();
            let (first, last) = (id - 1, id - 1 + MANY);
            let merged = json(&format!(r#"{{"last": {last}, "at {first}": true, "at {last}": true}}"#));
            assert_eq!((channel.name, channel.settings), (Some(last.to_string()), merged));
        }
    }
}

#[tokio::test]
async fn a_bad_element_is_refused_before_anything_is_sent_and_the_error_names_its_index() {
    let database = TestDatabase::new().await;
    close_db(&database).await;
    let (mut users, mut guilds, mut channels) = (users(1..=MANY), guilds(1..=MANY), channels(1..=MANY));
    users[24_000].avatar = Some("\0".into());
    guilds[24_000].name = "\0".into();
    channels[24_000].settings_overrides = Some("[]".parse::<Settings>().unwrap());

    let users = db::upsert_users(&*database, &users).await.unwrap_err();
    let guilds = db::upsert_guilds(&*database, &guilds).await.unwrap_err();
    let for_guild = db::upsert_channels_for_guild(&*database, 1001.into(), &channels).await.unwrap_err();
    let sync = db::sync_guild(&*database, &with_channels(channels)).await.unwrap_err();

    assert!(users.to_string().starts_with("upsert_users: `users[24000].avatar` holds U+0000"), "{users}");
    assert!(guilds.to_string().starts_with("upsert_guilds: `guilds[24000].name` holds U+0000"), "{guilds}");
    let field = "`channels[24000].settings_overrides` is not a JSON object";
    assert_eq!(for_guild.to_string(), format!("upsert_channels_for_guild: {field}"));
    assert_eq!(sync.to_string(), format!("sync_guild: {field}"));
}

/// The results of each function for a batch in parts.
async fn written(client: &impl Client, ids: impl Iterator<Item = u64> + Clone) -> [u64; 5] {
    let channel_ids: Vec<ChannelId> = ids.clone().map(Into::into).collect();
    [
        db::upsert_users(client, &users(ids.clone())).await.unwrap(),
        db::upsert_guilds(client, &guilds(ids.clone())).await.unwrap(),
        db::sync_guild(client, &with_channels(channels(ids.clone()))).await.unwrap(),
        db::upsert_channels_for_guild(client, 1.into(), &channels(ids)).await.unwrap(),
        db::delete_channels(client, &channel_ids).await.unwrap(),
    ]
}

#[tokio::test]
async fn large_batches_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let (one, other) = (database.db.clone(), database.db.clone());

    let ascending = tokio::spawn(async move { written(&one, 1..=MANY).await });
    let descending = tokio::spawn(async move { written(&other, (1..=MANY).rev()).await });
    let (ascending, descending) = (ascending.await.unwrap(), descending.await.unwrap());

    assert_eq!(ascending[..4], [MANY; 4]);
    assert_eq!(descending[..4], [MANY; 4]);
}

/// In text order, row 10,000 is one of "5", "50", "500" and "5000".
#[tokio::test]
async fn parts_are_sent_in_the_order_of_the_keys_as_text() {
    let database = TestDatabase::new().await;
    let ids = (10_000..=19_997).chain([5, 50, 500, 5_000]).chain(60_000..=69_999);
    let batch: Vec<_> = users(ids).into_iter().rev().collect();

    db::upsert_users(&*database, &batch).await.unwrap();

    let in_order =
        "select array_agg(discord_user_id order by ctid) = array_agg(discord_user_id order by discord_user_id)";
    assert_eq!(database.text(&format!("{in_order} from users")).await, "t");
}

/// In text order "10500" comes before "10600", and "10600" before "2". In number order 2 comes first.
#[tokio::test]
async fn a_large_batch_locks_rows_in_the_same_order_as_a_small_one() {
    let database = TestDatabase::new().await;
    db::upsert_users(&*database, &users(1..=20_001)).await.unwrap();
    let lock_holder = LockHolder::new(&database, "select from users where discord_user_id = '10600' for update").await;
    let (one, other) = (database.db.clone(), database.db.clone());

    let small = tokio::spawn(async move { db::upsert_users(&one, &users([2, 10_600, 10_500])).await });
    lock_holder.wait_until_blocked(1).await;
    let large = tokio::spawn(async move { db::upsert_users(&other, &users(1..=20_001)).await });
    lock_holder.wait_until_blocked(2).await;
    lock_holder.rollback().await;

    assert_eq!(small.await.unwrap().unwrap(), 3);
    assert_eq!(large.await.unwrap().unwrap(), 20_001);
}
