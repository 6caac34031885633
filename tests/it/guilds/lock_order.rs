//! Calls that lock the same rows: all of them lock in key order, so that none ends in a deadlock.

use clip_saver_db::{ChannelSnapshot, Error, GuildSnapshot, UserId, UserSnapshot, repositories as db};
use tokio::task::JoinHandle;

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, changed, channel, guild};

fn upsert_users(database: &TestDatabase, ids: [u64; 3]) -> JoinHandle<Result<u64, Error>> {
    let (handle, users) = (database.db.clone(), ids.map(|id| UserSnapshot::new(UserId::from(id), "x")));
    tokio::spawn(async move { db::upsert_users(&handle, &users).await })
}

#[tokio::test]
async fn delete_guilds_locks_channels_in_key_order_and_not_in_disk_order() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let [last, first] = [channel(&database, guild, 2).await, channel(&database, guild, 1).await];
    let lock_holder = LockHolder::new(&database, "select from bot_channels where channel_id = '1' for update").await;

    let (one, other) = (database.db.clone(), database.db.clone());
    let channels = tokio::spawn(async move { db::delete_channels(&one, &[first, last]).await });
    lock_holder.wait_until_blocked(1).await;
    let guilds = tokio::spawn(async move { db::delete_guilds(&other, &[guild]).await });
    lock_holder.wait_until_blocked(2).await;
    lock_holder.rollback().await;

    assert_eq!(channels.await.unwrap().unwrap(), 2);
    assert_eq!(guilds.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_user_who_is_stored_during_the_calls_does_not_change_the_lock_order() {
    let database = TestDatabase::new().await;
    database.execute("insert into users (discord_user_id) values ('3')").await;
    let first = LockHolder::new(&database, "insert into users (discord_user_id) values ('0')").await;
    let last = LockHolder::new(&database, "select from users where discord_user_id = '3' for update").await;

    // This call does not see user 2, who is stored while the call waits for user 0.
    let earlier = upsert_users(&database, [0, 1, 2]);
    first.wait_until_blocked(1).await;
    db::upsert_user(&*database, &UserSnapshot::new(2.into(), "x")).await.unwrap();
    // This call sees users 2 and 3, and waits for user 3.
    let later = upsert_users(&database, [1, 2, 3]);
    first.wait_until_blocked(2).await;
    first.rollback().await;
    last.rollback().await;

    assert_eq!(earlier.await.unwrap().unwrap(), 3);
    assert_eq!(later.await.unwrap().unwrap(), 3);
}

/// The table holds rows in the order in which they were written.
async fn assert_in_text_order(database: &TestDatabase, key: &str, table: &str) {
    let in_order = format!(
        "select count(*) || ' ' || (array_agg({key} order by ctid) = array_agg({key} order by {key})) from {table}"
    );
    assert_eq!(database.text(&in_order).await, "9 true", "{table}");
}

/// Earlier releases lock in this order, and so do deletes.
#[tokio::test]
async fn batches_are_written_in_the_order_of_the_keys_as_text() {
    let ids = [9, 1_000, 10, u64::MAX, 99, 1, 0, 2, 100];
    let channels: Vec<_> = ids.iter().map(|&id| ChannelSnapshot::new(id.into(), "x", "text")).collect();
    let guilds = ids.map(|id| GuildSnapshot::new(id.into(), "x"));
    let with_channels = changed!(GuildSnapshot::new(7.into(), "x"), channels = channels.clone());
    let database = TestDatabase::new().await;

    db::upsert_users(&*database, &ids.map(|id| UserSnapshot::new(id.into(), "x"))).await.unwrap();
    assert_in_text_order(&database, "discord_user_id", "users").await;

    db::upsert_guilds(&*database, &guilds).await.unwrap();
    assert_in_text_order(&database, "guild_id", "bot_guilds").await;

    db::upsert_channels_for_guild(&*database, 9.into(), &channels).await.unwrap();
    assert_in_text_order(&database, "channel_id", "bot_channels").await;

    database.execute("truncate bot_channels cascade").await;
    db::sync_guild(&*database, &with_channels).await.unwrap();
    assert_in_text_order(&database, "channel_id", "bot_channels").await;
}

/// If the call locked the channel before the guild, it would deadlock with one that deletes the guild.
#[tokio::test]
async fn upsert_channels_for_guild_locks_the_guild_before_its_channels() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;
    let channel = channel(&database, guild, 2).await;
    let lock_holder = LockHolder::new(&database, "select from bot_guilds where guild_id = '1' for update").await;

    let handle = database.db.clone();
    let upsert = tokio::spawn(async move {
        db::upsert_channels_for_guild(&handle, guild, &[ChannelSnapshot::new(channel, "x", "text")]).await
    });
    lock_holder.wait_until_blocked(1).await;

    let free = "select count(*) from (select from bot_channels for update skip locked) c";
    assert_eq!(database.text(free).await, "1");
    lock_holder.rollback().await;
    assert_eq!(upsert.await.unwrap().unwrap(), 1);
}
