//! Install intents.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{ErrorKind, GenericClient as _, InstallIntent, NewInstallIntent, Transaction, repositories as db};

use crate::support::races::{LockHolder, fifty_connections, now};
use crate::support::{TestDatabase, assert_error, concurrently, user};

const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

fn intent(state: &str, lifetime: Duration) -> NewInstallIntent {
    NewInstallIntent::new(state, 7.into(), 1001.into(), lifetime)
}

/// A new database with the user to whom the intents belong.
async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    user(&database, 7).await;
    database
}

async fn create(database: &TestDatabase, state: &str) -> InstallIntent {
    db::create_install_intent(&**database, &intent(state, Duration::from_mins(10))).await.unwrap()
}

/// Stores an intent that expires `after` the transaction's time. The time is UTC without a zone.
async fn store_expiring(transaction: &Transaction, state: &str, after: &str) {
    let sql = format!(
        "insert into install_intents values ('{state}', '7', '1001', (now() at time zone 'utc') - interval '1 day',
         (now() at time zone 'utc') + interval '{after}')"
    );
    transaction.execute(&sql, &[]).await.unwrap();
}

async fn states(transaction: &Transaction) -> String {
    let sql = "select coalesce(string_agg(state, ' ' order by state), '') from install_intents";
    transaction.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn create_returns_the_intent_with_times_of_the_databases_clock() {
    let database = database().await;
    let transaction = database.begin().await.unwrap();

    let lifetime = Duration::from_millis(600_500);
    let created = db::create_install_intent(&transaction, &intent("abc", lifetime)).await.unwrap();

    let now = now(&transaction).await;
    assert_eq!((created.state.as_str(), created.user_id, created.guild_id), ("abc", 7.into(), 1001.into()));
    assert_eq!((created.created_at, created.expires_at), (Some(now), now + lifetime));
}

#[tokio::test]
async fn create_stores_both_times_as_utc_whatever_the_sessions_time_zone() {
    let database = database().await;
    let transaction = database.begin().await.unwrap();
    let zone: String = transaction.query_one("select current_setting('timezone')", &[]).await.unwrap().get(0);
    assert_eq!(zone, "America/New_York");

    db::create_install_intent(&transaction, &intent("abc", Duration::from_mins(10))).await.unwrap();

    let right = "select created_at = now() at time zone 'utc'
        and expires_at = (now() at time zone 'utc') + interval '10 minutes' from install_intents";
    assert!(transaction.query_one(right, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn create_stores_the_same_times_in_sessions_of_any_time_zone() {
    let database = database().await;
    for zone in ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati"] {
        let transaction = database.begin().await.unwrap();
        transaction.execute(&format!("set local timezone = '{zone}'"), &[]).await.unwrap();

        let created = db::create_install_intent(&transaction, &intent(zone, Duration::ZERO)).await.unwrap();

        let now = now(&transaction).await;
        assert_eq!((created.created_at, created.expires_at), (Some(now), now), "{zone}");
    }
}

#[tokio::test]
async fn a_state_that_already_exists_gives_a_unique_violation_and_changes_nothing() {
    let database = database().await;
    let first = create(&database, "abc").await;

    let error = db::create_install_intent(&*database, &intent("abc", Duration::ZERO)).await.unwrap_err();

    assert!(
        error.kind() == ErrorKind::UniqueViolation && error.function() == Some("create_install_intent"),
        "{error:?}"
    );
    assert_eq!((error.constraint(), error.sqlstate()), (Some("install_intents_pkey"), Some("23505")));
    assert!(!error.is_retryable());
    assert_eq!(db::get_install_intent(&*database, "abc").await.unwrap(), Some(first));
}

#[tokio::test]
async fn an_unknown_user_gives_a_foreign_key_error_and_nothing_is_stored() {
    let database = TestDatabase::new().await;

    let error = db::create_install_intent(&*database, &intent("abc", Duration::ZERO)).await.unwrap_err();

    assert!(
        error.kind() == ErrorKind::ForeignKeyViolation && error.function() == Some("create_install_intent"),
        "{error:?}"
    );
    assert_eq!((error.constraint(), error.sqlstate()), (Some("install_intents_user_id_fkey"), Some("23503")));
    assert_eq!(database.text("select count(*) from install_intents").await, "0");
}

#[tokio::test]
async fn get_returns_what_was_created() {
    let database = database().await;
    let created = create(&database, "abc").await;

    assert_eq!(db::get_install_intent(&*database, "abc").await.unwrap(), Some(created));
}

#[tokio::test]
async fn get_returns_none_for_an_unknown_state() {
    let database = database().await;
    create(&database, "abc").await;

    assert_eq!(db::get_install_intent(&*database, "ABC").await.unwrap(), None);
}

#[tokio::test]
async fn get_returns_an_expired_intent_with_its_times_in_utc() {
    let database = database().await;
    let sql = "insert into install_intents values ('abc', '7', '1001', '2020-06-01 12:00', '2020-06-01 12:10')";
    database.execute(sql).await;

    let intent = db::get_install_intent(&*database, "abc").await.unwrap().unwrap();

    let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(intent.created_at, Some(time("2020-06-01T12:00:00Z")));
    assert_eq!(intent.expires_at, time("2020-06-01T12:10:00Z"));
}

#[tokio::test]
async fn an_intent_whose_stored_guild_is_not_a_snowflake_gives_a_typed_error() {
    let database = database().await;
    let sql = "insert into install_intents values ('abc', '7', '', '2020-06-01 12:00', '2020-06-01 12:10')";
    database.execute(sql).await;

    let error = db::get_install_intent(&*database, "abc").await.unwrap_err();

    assert_error(&error, ErrorKind::UnreadableRow, "get_install_intent", r#"install_intents.guild_id of row "abc""#);
}

#[tokio::test]
async fn consume_returns_an_unexpired_intent_and_deletes_it() {
    let database = database().await;
    let created = create(&database, "abc").await;
    create(&database, "other").await;

    assert_eq!(db::consume_install_intent(&*database, "abc").await.unwrap(), Some(created));

    assert_eq!(db::consume_install_intent(&*database, "abc").await.unwrap(), None);
    assert_eq!(database.text("select string_agg(state, ' ') from install_intents").await, "other");
}

#[tokio::test]
async fn consume_returns_none_for_an_expired_intent_and_does_not_delete_it() {
    let database = database().await;
    let transaction = database.begin().await.unwrap();
    for (state, after) in [("expired", "-1 microsecond"), ("expiring", "0"), ("unexpired", "1 microsecond")] {
        store_expiring(&transaction, state, after).await;
    }

    assert_eq!(db::consume_install_intent(&transaction, "expired").await.unwrap(), None);
    assert_eq!(db::consume_install_intent(&transaction, "expiring").await.unwrap(), None);
    assert!(db::consume_install_intent(&transaction, "unexpired").await.unwrap().is_some());

    assert_eq!(states(&transaction).await, "expired expiring");
}

#[tokio::test]
async fn exactly_one_of_fifty_concurrent_consumers_gets_the_intent() {
    let database = database().await;
    let created = create(&database, "abc").await;
    let pool = fifty_connections(&database).await;
    let lock_holder = LockHolder::new(&database, "select from install_intents for update").await;
    let consumers = tokio::spawn(concurrently(50, move |_| {
        let pool = pool.clone();
        async move { db::consume_install_intent(&pool, "abc").await.unwrap() }
    }));
    lock_holder.wait_until_blocked(50).await;

    lock_holder.rollback().await;

    let got: Vec<_> = consumers.await.unwrap().into_iter().flatten().collect();
    assert_eq!(got, [created]);
}

#[tokio::test]
async fn purge_deletes_intents_that_expired_at_least_the_grace_ago_and_returns_their_number() {
    let database = database().await;
    let transaction = database.begin().await.unwrap();
    for (state, after) in [
        ("at", "-300 seconds"),
        ("before", "-300.000001 seconds"),
        ("fresh", "1 hour"),
        ("just_expired", "0"),
        ("long_before", "-1 year"),
        ("within", "-299.999999 seconds"),
    ] {
        store_expiring(&transaction, state, after).await;
    }

    assert_eq!(db::purge_expired_install_intents(&transaction, Duration::from_mins(5)).await.unwrap(), 3);

    assert_eq!(states(&transaction).await, "fresh just_expired within");
}

#[tokio::test]
async fn purge_without_grace_deletes_every_expired_intent() {
    let database = database().await;
    let transaction = database.begin().await.unwrap();
    for (state, after) in [("before", "-1 microsecond"), ("now", "0"), ("unexpired", "1 microsecond")] {
        store_expiring(&transaction, state, after).await;
    }

    assert_eq!(db::purge_expired_install_intents(&transaction, Duration::ZERO).await.unwrap(), 2);

    assert_eq!(states(&transaction).await, "unexpired");
}

#[tokio::test]
async fn purge_deletes_the_same_intents_in_sessions_of_any_time_zone() {
    let database = database().await;
    for zone in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
        let transaction = database.begin().await.unwrap();
        transaction.execute(&format!("set local timezone = '{zone}'"), &[]).await.unwrap();
        store_expiring(&transaction, "expired", "-1 second").await;
        store_expiring(&transaction, "unexpired", "1 second").await;

        assert_eq!(db::purge_expired_install_intents(&transaction, Duration::ZERO).await.unwrap(), 1, "{zone}");

        assert_eq!(states(&transaction).await, "unexpired", "{zone}");
    }
}

#[tokio::test]
async fn a_grace_over_a_hundred_years_is_refused() {
    let database = database().await;
    for grace in [CENTURY + Duration::from_nanos(1), Duration::MAX] {
        let error = db::purge_expired_install_intents(&*database, grace).await.unwrap_err();

        assert_error(&error, ErrorKind::InvalidInput, "purge_expired_install_intents", "grace");
    }
    assert_eq!(db::purge_expired_install_intents(&*database, CENTURY).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lifetime_over_a_hundred_years_is_refused() {
    let database = database().await;
    for lifetime in [CENTURY + Duration::from_nanos(1), Duration::MAX] {
        let error = db::create_install_intent(&*database, &intent("abc", lifetime)).await.unwrap_err();

        assert_error(&error, ErrorKind::InvalidInput, "create_install_intent", "lifetime");
    }
    assert_eq!(database.text("select count(*) from install_intents").await, "0");
    assert!(db::create_install_intent(&*database, &intent("abc", CENTURY)).await.is_ok());
}
