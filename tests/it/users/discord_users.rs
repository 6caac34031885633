//! Users.

use chrono::{DateTime, Utc};
use clip_saver_db::{Error, ErrorKind, User, UserSnapshot, close_db, repositories as db};

use crate::support::races::{LockHolder, fifty_connections};
use crate::support::{TestDatabase, assert_fails, changed, concurrently, user};

const USER_SEQUENCE: &str = "select last_value || ' ' || is_called from users_id_seq";

fn long_ago() -> DateTime<Utc> {
    "2020-02-29T23:59:59.123456Z".parse().unwrap()
}

fn full(id: u64, word: &str) -> UserSnapshot {
    changed!(
        UserSnapshot::new(id.into(), ""),
        username = Some(format!("{word} name")),
        global_name = Some(format!("{word} global")),
        avatar = Some(format!("{word} avatar")),
        last_login_at = Some(long_ago())
    )
}

fn empty(id: u64) -> UserSnapshot {
    changed!(UserSnapshot::new(id.into(), ""), username = None, global_name = None, avatar = None, last_login_at = None)
}

fn batch(ids: impl IntoIterator<Item = u64>) -> Vec<UserSnapshot> {
    ids.into_iter().map(|id| UserSnapshot::new(id.into(), format!("user {id}"))).collect()
}

async fn stored(database: &TestDatabase, id: u64) -> UserSnapshot {
    let user = db::get_user(&**database, id.into()).await.unwrap().expect("the user is stored");
    let User { discord_user_id: id, username, global_name, avatar, last_login_at, .. } = user;
    changed!(UserSnapshot::new(id, ""), username, global_name, avatar, last_login_at)
}

#[tokio::test]
async fn get_user_returns_none_for_an_unknown_user() {
    let database = TestDatabase::new().await;

    assert_eq!(db::get_user(&*database, 7.into()).await.unwrap(), None);
}

#[tokio::test]
async fn get_user_returns_the_rows_id() {
    let database = TestDatabase::new().await;
    database.execute("insert into users (id, discord_user_id) values (42, '7')").await;

    assert_eq!(db::get_user(&*database, 7.into()).await.unwrap().unwrap().id, 42);
}

#[tokio::test]
async fn upsert_user_stores_a_new_user_as_given() {
    let database = TestDatabase::new().await;
    for user in [full(7, "a"), empty(8)] {
        db::upsert_user(&*database, &user).await.unwrap();

        assert_eq!(stored(&database, user.id.get()).await, user);
    }
}

#[tokio::test]
async fn upsert_user_replaces_the_given_fields() {
    let database = TestDatabase::new().await;
    db::upsert_user(&*database, &full(7, "old")).await.unwrap();
    for last_login in ["2021-01-01T00:00:00Z", "1999-12-31T00:00:00Z"] {
        let new = changed!(full(7, "new"), last_login_at = Some(last_login.parse().unwrap()));

        db::upsert_user(&*database, &new).await.unwrap();

        assert_eq!(stored(&database, 7).await, new);
    }
}

#[tokio::test]
async fn upsert_user_clears_missing_fields_but_keeps_the_last_login() {
    let database = TestDatabase::new().await;
    db::upsert_user(&*database, &full(7, "old")).await.unwrap();

    db::upsert_user(&*database, &empty(7)).await.unwrap();

    assert_eq!(stored(&database, 7).await, changed!(empty(7), last_login_at = Some(long_ago())));
}

#[tokio::test]
async fn upsert_user_does_not_change_other_users() {
    let database = TestDatabase::new().await;
    db::upsert_user(&*database, &full(8, "other")).await.unwrap();

    db::upsert_user(&*database, &full(7, "new")).await.unwrap();
    db::upsert_user(&*database, &empty(7)).await.unwrap();

    assert_eq!(stored(&database, 8).await, full(8, "other"));
}

#[tokio::test]
async fn upserts_use_up_no_sequence_number_for_known_users_and_keep_their_ids() {
    let database = TestDatabase::new().await;
    db::upsert_users(&*database, &batch([7, 8])).await.unwrap();
    let drawn = database.text(USER_SEQUENCE).await;
    let numbers_are = "select string_agg(id::text, ' ' order by discord_user_id) from users";
    let numbers = database.text(numbers_are).await;

    for _ in 0..3 {
        db::upsert_user(&*database, &full(7, "again")).await.unwrap();
        db::upsert_users(&*database, &batch([8, 7])).await.unwrap();
    }

    assert_eq!(database.text(USER_SEQUENCE).await, drawn);
    assert_eq!(database.text(numbers_are).await, numbers);
}

#[tokio::test]
async fn upsert_users_stores_new_users_and_updates_known_users() {
    let database = TestDatabase::new().await;
    db::upsert_users(&*database, &[full(1, "old"), full(2, "old"), full(3, "old")]).await.unwrap();
    let last_login_at = Some("2021-01-01T00:00:00Z".parse().unwrap());
    let changed = [full(5, "new"), empty(4), empty(2), changed!(full(1, "new"), last_login_at)];

    assert_eq!(db::upsert_users(&*database, &changed).await.unwrap(), 4);

    assert_eq!(stored(&database, 1).await, changed[3]);
    assert_eq!(stored(&database, 2).await, changed!(empty(2), last_login_at = Some(long_ago())));
    assert_eq!(stored(&database, 3).await, full(3, "old"));
    assert_eq!(stored(&database, 4).await, empty(4));
    assert_eq!(stored(&database, 5).await, full(5, "new"));
}

#[tokio::test]
async fn upsert_users_counts_new_and_known_users_once_each() {
    let database = TestDatabase::new().await;
    user(&database, 2).await;

    assert_eq!(db::upsert_users(&*database, &batch([3, 2, 1, 3, 2])).await.unwrap(), 3);
}

#[tokio::test]
async fn the_last_of_duplicate_users_in_a_batch_wins() {
    let database = TestDatabase::new().await;
    let duplicates = [full(1, "z"), full(2, "a"), full(1, "a"), full(2, "z"), full(1, "m")];

    for _ in ["new", "known"] {
        db::upsert_users(&*database, &duplicates).await.unwrap();

        assert_eq!(stored(&database, 1).await, full(1, "m"));
        assert_eq!(stored(&database, 2).await, full(2, "z"));
    }
}

#[tokio::test]
async fn a_batch_stores_nothing_if_the_database_refuses_one_user() {
    let database = TestDatabase::new().await;
    database.execute("alter table users add constraint named check (username <> 'bad')").await;
    db::upsert_user(&*database, &full(1, "old")).await.unwrap();
    let bad = UserSnapshot::new(4.into(), "bad");

    let error = db::upsert_users(&*database, &[full(1, "new"), full(2, "new"), full(3, "new"), bad]).await.unwrap_err();

    assert!(error.kind() == ErrorKind::CheckViolation && error.function() == Some("upsert_users"), "{error:?}");
    assert_eq!(stored(&database, 1).await, full(1, "old"));
    assert_eq!(database.text("select count(*) from users").await, "1");
}

#[tokio::test]
async fn an_error_of_upsert_user_names_the_function() {
    let database = TestDatabase::new().await;
    close_db(&database).await;

    let error = db::upsert_user(&*database, &empty(7)).await.unwrap_err();

    assert_eq!(error.function(), Some("upsert_user"));
}

#[tokio::test]
async fn an_empty_batch_makes_no_round_trip() {
    let database = TestDatabase::new().await;
    close_db(&database).await;

    assert_eq!(db::upsert_users(&*database, &[]).await.unwrap(), 0);

    let result = db::upsert_users(&*database, &batch([1])).await;
    assert_fails(&result, ErrorKind::Closed, "upsert_users");
}

#[tokio::test]
async fn ten_thousand_users_fit_in_a_batch() {
    let database = TestDatabase::new().await;

    assert_eq!(db::upsert_users(&*database, &batch(1..=10_000)).await.unwrap(), 10_000);
    assert_eq!(db::upsert_users(&*database, &batch(5_001..=15_000)).await.unwrap(), 10_000);

    assert_eq!(database.text("select count(*) from users").await, "15000");
}

#[tokio::test]
async fn fifty_concurrent_upserts_of_the_same_batch_succeed() {
    let database = TestDatabase::new().await;
    let pool = fifty_connections(&database).await;

    let results = concurrently(50, |_| {
        let pool = pool.clone();
        async move { db::upsert_users(&pool, &batch(1..=100)).await.unwrap() }
    })
    .await;

    assert_eq!(results, [100; 50]);
    assert_eq!(database.text("select count(*) from users").await, "100");
}

#[tokio::test]
async fn a_user_whom_another_session_stores_at_the_same_time_keeps_the_last_login() {
    let database = TestDatabase::new().await;
    let theirs = "insert into users (discord_user_id, avatar, last_login_at)
        values ('7', 'x', '2020-02-29 23:59:59.123456 UTC')";
    let lock_holder = LockHolder::new(&database, theirs).await;
    let db = database.db.clone();
    let ours = tokio::spawn(async move { db::upsert_user(&db, &UserSnapshot::new(7.into(), "ours")).await });
    lock_holder.wait_until_blocked(1).await;

    lock_holder.commit().await;

    ours.await.unwrap().unwrap();
    let expected = changed!(UserSnapshot::new(7.into(), "ours"), last_login_at = Some(long_ago()));
    assert_eq!(stored(&database, 7).await, expected);
}

/// Upserts 1, 2, 3 and 3, 2, 1 while row 2 is locked. If one call locked 1 before 2 and the other 3 before 2, they would
/// deadlock once row 2 is free.
async fn upsert_in_opposite_orders(database: &TestDatabase, locking: &str) {
    let lock_holder = LockHolder::new(database, locking).await;
    let (one, other) = (database.db.clone(), database.db.clone());
    let ascending = tokio::spawn(async move { db::upsert_users(&one, &batch([1, 2, 3])).await });
    let descending = tokio::spawn(async move { db::upsert_users(&other, &batch([3, 2, 1])).await });
    lock_holder.wait_until_blocked(2).await;

    lock_holder.rollback().await;

    assert_eq!(ascending.await.unwrap().unwrap(), 3);
    assert_eq!(descending.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn batches_of_new_users_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;

    upsert_in_opposite_orders(&database, "insert into users (discord_user_id) values ('2')").await;
}

#[tokio::test]
async fn batches_of_known_users_in_opposite_orders_do_not_deadlock() {
    let database = TestDatabase::new().await;
    db::upsert_users(&*database, &batch([3, 2, 1])).await.unwrap();

    upsert_in_opposite_orders(&database, "select from users where discord_user_id = '2' for update").await;
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
                db::upsert_users(&db, &batch).await?;
            }
            Ok::<_, Error>(())
        }
    })
    .await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
}
