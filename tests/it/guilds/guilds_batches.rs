//! Guilds in batches.

use chrono::Utc;
use clip_saver_db::{ChannelSnapshot, Error, ErrorKind, Guild, GuildId, GuildSnapshot, close_db, repositories as db};

use crate::support::races::{LockHolder, fifty_connections, now};
use crate::support::{TestDatabase, assert_fails, changed, concurrently, guild, user};

fn batch(ids: impl IntoIterator<Item = u64>) -> Vec<GuildSnapshot> {
    ids.into_iter().map(|id| GuildSnapshot::new(id.into(), format!("guild {id}"))).collect()
}

fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<GuildId> {
    ids.into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn upsert_guilds_stores_new_guilds_as_given() {
    let database = TestDatabase::new().await;
    let owner_user_id = Some(user(&database, 7).await);
    let joined_at = Some("2020-02-29T23:59:59.123456Z".parse().unwrap());
    let full = changed!(GuildSnapshot::new(999.into(), "full"), icon = Some("f64c48".into()), owner_user_id, joined_at);
    let bare = GuildSnapshot::new(1000.into(), "bare");
    let transaction = database.begin().await.unwrap();

    db::upsert_guilds(&transaction, &[bare, full]).await.unwrap();

    let last_seen_at = Some(now(&transaction).await);
    let (name, icon) = ("full", Some("f64c48".into()));
    let full = changed!(Guild::new(999.into(), name), icon, owner_user_id, joined_at, last_seen_at);
    let (name, joined_at) = ("bare", last_seen_at);
    let bare = changed!(Guild::new(1000.into(), name), icon = None, owner_user_id = None, joined_at, last_seen_at);
    assert_eq!(db::get_guilds(&transaction).await.unwrap(), [full, bare]);
}

#[tokio::test]
async fn upsert_guilds_updates_known_guilds_as_upsert_guild_does() {
    let database = TestDatabase::new().await;
    let (old, new) = (user(&database, 7).await, user(&database, 8).await);
    let joined_at = Some("2020-02-29T23:59:59.123456Z".parse().unwrap());
    let known = batch([1, 2])
        .into_iter()
        .map(|guild| changed!(guild, icon = Some("old".into()), owner_user_id = Some(old), joined_at));
    db::upsert_guilds(&*database, &known.collect::<Vec<_>>()).await.unwrap();
    let replaced = changed!(
        GuildSnapshot::new(1.into(), "new"),
        icon = Some("new".into()),
        owner_user_id = Some(new),
        joined_at = Some(Utc::now())
    );
    let transaction = database.begin().await.unwrap();

    db::upsert_guilds(&transaction, &[replaced, GuildSnapshot::new(2.into(), "cleared")]).await.unwrap();

    let last_seen_at = Some(now(&transaction).await);
    let (name, icon, owner_user_id) = ("new", Some("new".into()), Some(new));
    let replaced = changed!(Guild::new(1.into(), name), icon, owner_user_id, joined_at, last_seen_at);
    let (guild_id, name) = (2.into(), "cleared");
    let cleared = changed!(Guild::new(guild_id, name), icon = None, owner_user_id = None, joined_at, last_seen_at);
    assert_eq!(db::get_guilds(&transaction).await.unwrap(), [replaced, cleared]);
}

#[tokio::test]
async fn upsert_guilds_does_not_store_the_snapshots_channels() {
    let database = TestDatabase::new().await;
    let channels = vec![ChannelSnapshot::new(2001.into(), "general", "text")];

    db::upsert_guilds(&*database, &[changed!(GuildSnapshot::new(1.into(), "x"), channels)]).await.unwrap();

    assert_eq!(database.text("select count(*) from bot_channels").await, "0");
}

#[tokio::test]
async fn upsert_guilds_counts_new_and_known_guilds_once_each() {
    let database = TestDatabase::new().await;
    guild(&database, 2).await;

    assert_eq!(db::upsert_guilds(&*database, &batch([3, 2, 1, 3, 2])).await.unwrap(), 3);
}

#[tokio::test]
async fn the_last_of_duplicate_guilds_in_a_batch_wins() {
    let database = TestDatabase::new().await;
    let named = |id: u64, name: &str, icon: Option<&str>| {
        changed!(GuildSnapshot::new(id.into(), name), icon = icon.map(Into::into))
    };
    let duplicates = [
        named(1, "b", Some("b")),
        named(2, "a", None),
        named(1, "a", None),
        named(2, "b", Some("b")),
        named(1, "c", None),
    ];

    for _ in ["new", "known"] {
        db::upsert_guilds(&*database, &duplicates).await.unwrap();

        let stored = "select string_agg(name || coalesce(icon, '-'), ' ' order by guild_id) from bot_guilds";
        assert_eq!(database.text(stored).await, "c- bb");
    }
}

#[tokio::test]
async fn a_batch_with_one_unknown_owner_stores_nothing() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let before = db::get_guilds(&*database).await.unwrap();
    let stranger = changed!(GuildSnapshot::new(4.into(), "bad"), owner_user_id = Some(7.into()));
    let mut batch = batch([1, 2, 3]);
    batch.push(stranger);

    let error = db::upsert_guilds(&*database, &batch).await.unwrap_err();

    assert!(error.kind() == ErrorKind::ForeignKeyViolation);
    assert_eq!(error.function(), Some("upsert_guilds"));
    assert_eq!(error.constraint(), Some("bot_guilds_owner_user_id_fkey"));
    assert_eq!(db::get_guilds(&*database).await.unwrap(), before);
}

#[tokio::test]
async fn empty_batches_make_no_round_trip() {
    let database = TestDatabase::new().await;
    close_db(&database).await;

    assert_eq!(db::upsert_guilds(&*database, &[]).await.unwrap(), 0);
    assert_eq!(db::delete_guilds(&*database, &[]).await.unwrap(), 0);

    let upsert = db::upsert_guilds(&*database, &batch([1])).await;
    assert_fails(&upsert, ErrorKind::Closed, "upsert_guilds");
    let delete = db::delete_guilds(&*database, &ids([1])).await;
    assert_fails(&delete, ErrorKind::Closed, "delete_guilds");
}

#[tokio::test]
async fn ten_thousand_guilds_fit_in_a_batch() {
    let database = TestDatabase::new().await;
    let batch = batch(1..=10_000);

    assert_eq!(db::upsert_guilds(&*database, &batch).await.unwrap(), 10_000);
    assert_eq!(db::upsert_guilds(&*database, &batch).await.unwrap(), 10_000);
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 10_000);
    assert_eq!(db::delete_guilds(&*database, &ids(1..=10_000)).await.unwrap(), 10_000);
}

#[tokio::test]
async fn fifty_concurrent_upserts_of_the_same_batch_succeed() {
    let database = TestDatabase::new().await;
    let pool = fifty_connections(&database).await;

    let results = concurrently(50, |_| {
        let pool = pool.clone();
        async move { db::upsert_guilds(&pool, &batch(1..=100)).await.unwrap() }
    })
    .await;

    assert_eq!(results, [100; 50]);
    assert_eq!(database.text("select count(*) from bot_guilds").await, "100");
}

/// Upserts 1, 2, 3 and 3, 2, 1 while row 2 is locked. If one call locked 1 before 2 and the other 3 before 2, they would
/// deadlock once row 2 is free.
async fn upsert_in_opposite_orders(database: &TestDatabase, locking: &str) {
    let lock_holder = LockHolder::new(database, locking).await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let ascending = tokio::spawn(async move { db::upsert_guilds(&one, &batch([1, 2, 3])).await });
    let descending = tokio::spawn(async move { db::upsert_guilds(&other, &batch([3, 2, 1])).await });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(ascending.await.unwrap().unwrap(), 3);
    assert_eq!(descending.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn batches_of_new_guilds_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;

    upsert_in_opposite_orders(&database, "insert into bot_guilds (guild_id, name) values ('2', 'other')").await;
}

#[tokio::test]
async fn batches_of_known_guilds_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    db::upsert_guilds(&*database, &batch([1, 2, 3])).await.unwrap();

    upsert_in_opposite_orders(&database, "select from bot_guilds where guild_id = '2' for update").await;
}

#[tokio::test]
async fn many_batches_in_opposite_orders_never_deadlock() {
    let database = TestDatabase::new().await;

    let results = concurrently(2, |caller| {
        let db = database.db.clone();
        async move {
            let mut batch = batch(1..=200);
            if caller == 1 {
                batch.reverse();
            }
            for _ in 0..40 {
                db::upsert_guilds(&db, &batch).await?;
            }
            Ok::<_, Error>(())
        }
    })
    .await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn delete_guilds_locks_in_key_order_as_upsert_guilds_does() {
    let database = TestDatabase::new().await;
    for id in [3, 2, 1] {
        guild(&database, id).await; // the table holds the rows in this order
    }
    let lock_holder = LockHolder::new(&database, "select from bot_guilds where guild_id = '2' for update").await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let upsert = tokio::spawn(async move { db::upsert_guilds(&one, &batch([1, 2, 3])).await });
    let delete = tokio::spawn(async move { db::delete_guilds(&other, &ids([3, 2, 1])).await });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(upsert.await.unwrap().unwrap(), 3);
    assert_eq!(delete.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn concurrent_deletes_count_each_guild_once() {
    let database = TestDatabase::new().await;
    db::upsert_guilds(&*database, &batch(1..=10)).await.unwrap();
    let pool = fifty_connections(&database).await;
    let lock_holder = LockHolder::new(&database, "select from bot_guilds for update").await;
    let deletes = tokio::spawn(concurrently(50, move |_| {
        let pool = pool.clone();
        async move { db::delete_guilds(&pool, &ids(1..=10)).await.unwrap() }
    }));
    lock_holder.wait_until_blocked(50).await;

    lock_holder.rollback().await;

    assert_eq!(deletes.await.unwrap().iter().sum::<u64>(), 10);
}
