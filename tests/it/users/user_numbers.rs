//! The numbers of users (`users.id`): never negative, and never a number that another user has, whatever other sessions delete
//! and wherever the sequence is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_saver_db::{Db, Error, GuildSnapshot, UserSnapshot, repositories as db};

use crate::project::roles::Roles;
use crate::support::proxy::Proxy;
use crate::support::races::LockHolder;
use crate::support::{TestDatabase, changed, concurrently, connect, user};

/// Imported users: their numbers do not come from the sequence.
const IMPORT: &str =
    "insert into users (id, discord_user_id) select n, 'imported ' || n from generate_series(1, 1000) n";

/// The numbers of the others.
const NUMBERS: &str = "select string_agg(id::text, ' ' order by id) from users where discord_user_id !~ '^imported'";

fn batch(ids: impl IntoIterator<Item = u64>) -> Vec<UserSnapshot> {
    ids.into_iter().map(|id| UserSnapshot::new(id.into(), format!("user {id}"))).collect()
}

fn owned_by(owner: u64) -> GuildSnapshot {
    changed!(GuildSnapshot::new(1001.into(), "guild"), owner_user_id = Some(owner.into()))
}

#[tokio::test]
async fn a_known_user_whom_another_session_deletes_meanwhile_gets_a_new_number() {
    let database = TestDatabase::new().await;
    db::upsert_users(&*database, &batch([7, 8])).await.unwrap();
    let lock_holder = LockHolder::new(&database, "delete from users where discord_user_id = '7'").await;
    let db = database.db.clone();
    let ours = tokio::spawn(async move { db::upsert_users(&db, &batch([7, 8])).await });
    lock_holder.wait_until_blocked(1).await;

    lock_holder.commit().await;

    assert_eq!(ours.await.unwrap().unwrap(), 2);
    assert_eq!(database.text(NUMBERS).await, "2 3");
}

/// Deletes two users again and again until it is told to stop. Returns how many rows it has deleted.
async fn delete_until(is_done: Arc<AtomicBool>, url: String) -> u64 {
    // In key order, as the upserts lock: in another order the two could deadlock.
    let delete = "with doomed as materialized (
          select discord_user_id from users where discord_user_id < '3' order by discord_user_id for update)
        delete from users u using doomed d where u.discord_user_id = d.discord_user_id";
    let (sql, mut deleted) = (connect(&url).await, 0);
    while !is_done.load(Ordering::Relaxed) {
        deleted += sql.execute(delete, &[]).await.unwrap();
    }
    deleted
}

#[tokio::test]
async fn upserts_that_race_with_deletes_store_no_negative_number() {
    let database = TestDatabase::new().await;
    let is_done = Arc::new(AtomicBool::new(false));
    let deleting = tokio::spawn(delete_until(Arc::clone(&is_done), database.url()));

    let results = concurrently(4, |caller| {
        let db: Db = database.db.clone();
        async move {
            for _ in 0..200 {
                db::upsert_user(&db, &UserSnapshot::new((caller % 2 + 1).into(), "x")).await?;
                db::upsert_users(&db, &batch([1, 2, 3, 4])).await?;
                let stored = db::get_user(&db, (caller % 2 + 1).into()).await?;
                assert!(stored.is_none_or(|user| user.id > 0), "a negative number is stored");
            }
            Ok::<_, Error>(())
        }
    })
    .await;

    is_done.store(true, Ordering::Relaxed);
    assert!(deleting.await.unwrap() > 100, "the calls race with deletes");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn new_users_and_owners_are_stored_although_the_sequence_is_behind_the_rows() {
    let database = TestDatabase::new().await;
    database.execute(IMPORT).await;

    db::upsert_user(&*database, &UserSnapshot::new(7.into(), "x")).await.unwrap();
    assert_eq!(db::upsert_users(&*database, &batch([7, 8, 9])).await.unwrap(), 3);
    assert_eq!(database.text(NUMBERS).await, "1001 1002 1003");

    database.execute("alter sequence users_id_seq restart").await;
    db::sync_guild(&*database, &owned_by(10)).await.unwrap();
    assert_eq!(database.text(NUMBERS).await, "1001 1002 1003 1004");
}

#[tokio::test]
async fn concurrent_calls_get_past_a_sequence_that_is_behind_the_rows() {
    let database = TestDatabase::new().await;
    database.execute(IMPORT).await;

    let results = concurrently(20, |caller| {
        let db = database.db.clone();
        async move { db::upsert_users(&db, &batch(caller * 10..caller * 10 + 10)).await }
    })
    .await;

    assert!(results.iter().all(|result| matches!(result, Ok(10))), "{results:?}");
    assert_eq!(database.text("select min(id) from users where discord_user_id !~ '^imported'").await, "1001");
}

#[tokio::test]
async fn a_gap_in_the_numbers_is_used_and_a_single_high_number_is_no_obstacle() {
    let database = TestDatabase::new().await;
    let high = "insert into users (id, discord_user_id) values (2147483647, 'imported 1'), (2, 'imported 2')";
    database.execute(high).await;

    db::upsert_users(&*database, &batch([7, 8])).await.unwrap();

    assert_eq!(database.text(NUMBERS).await, "1 3");
}

#[tokio::test]
async fn in_a_transaction_a_sequence_that_is_behind_causes_no_error_either() {
    let database = TestDatabase::new().await;
    database.execute(IMPORT).await;

    let transaction = database.begin().await.unwrap();
    db::upsert_user(&transaction, &UserSnapshot::new(7.into(), "x")).await.unwrap();
    db::sync_guild(&transaction, &owned_by(8)).await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!(database.text(NUMBERS).await, "1001 1002");
}

#[tokio::test]
async fn the_bots_role_gets_past_a_sequence_that_is_behind_the_rows() {
    let roles = Roles::on_migrated().await;
    roles.database.execute(IMPORT).await;
    let bot = roles.connect("bot").await;

    user(&bot, 7).await;
    db::sync_guild(&bot, &owned_by(8)).await.unwrap();

    assert_eq!(roles.database.text(NUMBERS).await, "1001 1002");
    roles.drop().await;
}

#[tokio::test]
async fn getting_past_a_sequence_that_is_behind_takes_one_round_trip() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.name).await;
    let pool = proxy.pool(1).await;
    user(&pool, 7).await;
    database
        .execute("insert into users (id, discord_user_id) select n, 'imported ' || n from generate_series(2, 200) n")
        .await;
    proxy.clear_traffic();

    user(&pool, 1000).await;

    assert_eq!(proxy.flights(), ["BES"]);
}

#[tokio::test]
async fn after_the_last_number_a_restarted_sequence_gives_the_numbers_that_nobody_has() {
    let database = TestDatabase::new().await;
    user(&database, 7).await;
    database.execute("select setval('users_id_seq', 2147483647)").await;
    let error = db::upsert_user(&*database, &UserSnapshot::new(8.into(), "x")).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("2200H"), "{error}");

    database.execute("alter sequence users_id_seq restart").await;

    user(&database, 8).await;
    assert_eq!(database.text(NUMBERS).await, "1 2");
}
