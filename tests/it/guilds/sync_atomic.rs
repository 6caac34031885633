//! `sync_guild` is atomic. Also what it counts, and concurrent calls.

use clip_saver_db::{ChannelSnapshot, Error, ErrorKind, GuildSnapshot, close_db, repositories as db};

use crate::support::races::{LockHolder, fifty_connections};
use crate::support::{TestDatabase, assert_fails, changed, concurrently, guild};

fn channels(ids: impl IntoIterator<Item = u64>) -> Vec<ChannelSnapshot> {
    ids.into_iter().map(|id| ChannelSnapshot::new(id.into(), format!("channel {id}"), "text")).collect()
}

fn with_owner(channels: Vec<ChannelSnapshot>) -> GuildSnapshot {
    changed!(GuildSnapshot::new(1001.into(), "Testers"), owner_user_id = Some(7.into()), channels)
}

/// The numbers of guilds, users and channels.
async fn counts(database: &TestDatabase) -> String {
    let guilds_users_channels = "select (select count(*) from bot_guilds) || ' ' || (select count(*) from users)
        || ' ' || (select count(*) from bot_channels)";
    database.text(guilds_users_channels).await
}

#[tokio::test]
async fn sync_guild_stores_nothing_if_the_last_channel_cannot_be_sent() {
    let database = TestDatabase::new().await;
    let mut channels = channels([2001, 2002]);
    channels[1].name = Some("nul \0".into());

    let error = db::sync_guild(&*database, &with_owner(channels)).await.unwrap_err();

    assert!(error.kind() == ErrorKind::InvalidInput && error.function() == Some("sync_guild"), "{error:?}");
    assert_eq!(counts(&database).await, "0 0 0");
}

#[tokio::test]
async fn sync_guild_stores_nothing_if_the_database_refuses_the_last_channel() {
    let database = TestDatabase::new().await;
    database.execute("alter table bot_channels add constraint named check (name <> 'bad')").await;
    let mut channels = channels([2001, 2002, 2003]);
    channels[2].name = Some("bad".into());

    let error = db::sync_guild(&*database, &with_owner(channels)).await.unwrap_err();

    assert!(error.kind() == ErrorKind::CheckViolation && error.function() == Some("sync_guild"), "{error:?}");
    assert_eq!(error.constraint(), Some("named"));
    assert_eq!(counts(&database).await, "0 0 0");
}

#[tokio::test]
async fn sync_guild_does_not_change_a_known_guild_if_the_database_refuses_a_channel() {
    let database = TestDatabase::new().await;
    let id = guild(&database, 1001).await;
    let before = db::get_guild(&*database, id).await.unwrap();
    database.execute("alter table bot_channels add constraint named check (name <> 'channel 2')").await;

    db::sync_guild(&*database, &with_owner(channels([1, 2]))).await.unwrap_err();

    assert_eq!(db::get_guild(&*database, id).await.unwrap(), before);
}

#[tokio::test]
async fn sync_guild_counts_new_and_known_channels_once_each() {
    let database = TestDatabase::new().await;
    db::sync_guild(&*database, &with_owner(channels([2]))).await.unwrap();

    assert_eq!(db::sync_guild(&*database, &with_owner(channels([3, 2, 1, 3, 2]))).await.unwrap(), 3);
}

#[tokio::test]
async fn the_last_of_duplicate_channels_in_a_sync_wins() {
    let database = TestDatabase::new().await;
    let named = |name: &str, kind: &str, is_nsfw| changed!(ChannelSnapshot::new(2001.into(), name, kind), is_nsfw);
    let channels = vec![named("b", "voice", true), named("z", "z", true), named("a", "text", false)];

    for _ in ["new", "known"] {
        db::sync_guild(&*database, &with_owner(channels.clone())).await.unwrap();

        let channel = db::get_channel(&*database, 2001.into()).await.unwrap().unwrap();
        assert_eq!((channel.name.as_deref(), channel.kind.as_deref()), (Some("a"), Some("text")));
        assert!(!channel.is_nsfw);
    }
}

#[tokio::test]
async fn sync_guild_without_channels_stores_guild_and_owner() {
    let database = TestDatabase::new().await;

    assert_eq!(db::sync_guild(&*database, &with_owner(Vec::new())).await.unwrap(), 0);

    assert_eq!(counts(&database).await, "1 1 0");
}

#[tokio::test]
async fn sync_guild_without_channels_still_calls_the_database() {
    let database = TestDatabase::new().await;
    close_db(&database).await;

    let result = db::sync_guild(&*database, &with_owner(Vec::new())).await;

    assert_fails(&result, ErrorKind::Closed, "sync_guild");
}

#[tokio::test]
async fn a_guild_with_ten_thousand_channels_can_be_synced() {
    let database = TestDatabase::new().await;
    let guild = with_owner(channels(1..=10_000));

    assert_eq!(db::sync_guild(&*database, &guild).await.unwrap(), 10_000);
    assert_eq!(db::sync_guild(&*database, &guild).await.unwrap(), 10_000);
    assert_eq!(counts(&database).await, "1 1 10000");
}

#[tokio::test]
async fn fifty_concurrent_syncs_of_the_same_new_guild_succeed() {
    let database = TestDatabase::new().await;
    let pool = fifty_connections(&database).await;
    let lock_holder =
        LockHolder::new(&database, "insert into bot_guilds (guild_id, name) values ('1001', 'other')").await;
    let syncs = tokio::spawn(concurrently(50, move |caller| {
        let pool = pool.clone();
        async move { db::sync_guild(&pool, &with_owner(channels((0..50).map(|id| (id + caller) % 50)))).await.unwrap() }
    }));
    lock_holder.wait_until_blocked(50).await;

    lock_holder.rollback().await;

    assert_eq!(syncs.await.unwrap(), [50; 50]);
    assert_eq!(counts(&database).await, "1 1 50");
}

#[tokio::test]
async fn syncs_of_two_guilds_that_claim_the_same_channels_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    let lock_holder = LockHolder::new(
        &database,
        "insert into bot_guilds (guild_id, name) values ('1', 'other');
         insert into bot_channels (channel_id, guild_id) values ('2', '1')",
    )
    .await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let ascending = tokio::spawn(async move { db::sync_guild(&one, &with_owner(channels([1, 2, 3]))).await });
    let descending = tokio::spawn(async move {
        db::sync_guild(&other, &changed!(with_owner(channels([3, 2, 1])), id = 1002.into())).await
    });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(ascending.await.unwrap().unwrap(), 3);
    assert_eq!(descending.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn sync_guild_succeeds_if_another_session_stores_the_owner_at_the_same_time() {
    let database = TestDatabase::new().await;
    let lock_holder =
        LockHolder::new(&database, "insert into users (discord_user_id, username) values ('7', 'u')").await;
    let db = database.db.clone();
    let sync = tokio::spawn(async move { db::sync_guild(&db, &with_owner(channels([1]))).await });
    lock_holder.wait_until_blocked(1).await;

    lock_holder.commit().await;

    assert_eq!(sync.await.unwrap().unwrap(), 1);
    assert_eq!(database.text("select username from users").await, "u");
}

#[tokio::test]
async fn syncs_and_deletes_of_the_same_guild_never_deadlock() {
    let database = TestDatabase::new().await;
    let pool = fifty_connections(&database).await;

    let results = concurrently(20, |caller| {
        let pool = pool.clone();
        async move {
            for round in 0..10 {
                if caller % 4 == 0 {
                    db::delete_guilds(&pool, &[1001.into()]).await?;
                } else {
                    let ids = (0..20).map(|id| (id * 7 + caller + round) % 20);
                    assert_eq!(db::sync_guild(&pool, &with_owner(channels(ids))).await?, 20);
                }
            }
            Ok::<_, Error>(())
        }
    })
    .await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn sync_guild_locks_the_guild_before_its_channels_as_delete_guilds_does() {
    let database = TestDatabase::new().await;
    db::sync_guild(&*database, &with_owner(channels([1, 2, 3]))).await.unwrap();
    let lock_holder = LockHolder::new(&database, "select from bot_channels where channel_id = '2' for update").await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let sync = tokio::spawn(async move { db::sync_guild(&one, &with_owner(channels([1, 2, 3]))).await });
    lock_holder.wait_until_blocked(1).await;
    let delete = tokio::spawn(async move { db::delete_guilds(&other, &[1001.into()]).await });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(sync.await.unwrap().unwrap(), 3);
    assert_eq!(delete.await.unwrap().unwrap(), 1);
    assert_eq!(counts(&database).await, "0 1 0");
}
