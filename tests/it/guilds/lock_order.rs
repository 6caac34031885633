//! Calls that lock the same rows: all of them lock in key order, so that none ends in a deadlock.

use clip_saver_db::{Error, UserId, UserSnapshot, repositories as db};
use tokio::task::JoinHandle;

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, channel, guild};

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
