//! The settings of guilds.

use chrono::{DateTime, Utc};
use clip_saver_db::{Error, ErrorKind, GuildId, GuildSettings, Settings, repositories as db};

use crate::support::races::{LockHolder, fifty_connections, now};
use crate::support::{TestDatabase, assert_error, changed, concurrently, json};

const COUNT_SETTINGS: &str = "select count(*) from guild_settings";

fn id() -> GuildId {
    1001.into()
}

/// Stores settings whose `updated_at` is long ago.
async fn store_long_ago(database: &TestDatabase, settings: &str) {
    let settings = format!("values ('1001', '{settings}', '2020-01-01 00:00 UTC')");
    database.execute(&format!("insert into guild_settings (guild_id, settings, updated_at) {settings}")).await;
}

fn row(settings: &str, updated_at: DateTime<Utc>) -> GuildSettings {
    changed!(GuildSettings::new(id(), json(settings)), updated_at = Some(updated_at))
}

fn long_ago() -> DateTime<Utc> {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn get_returns_none_without_settings() {
    let database = TestDatabase::new().await;

    assert_eq!(db::get_guild_settings(&*database, id()).await.unwrap(), None);
}

#[tokio::test]
async fn get_returns_what_is_stored() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"prefix": "!", "clip": {"max": 60}}"#).await;

    let settings = db::get_guild_settings(&*database, id()).await.unwrap();

    assert_eq!(settings, Some(row(r#"{"clip": {"max": 60}, "prefix": "!"}"#, long_ago())));
}

#[tokio::test]
async fn settings_whose_stored_id_is_not_a_snowflake_do_not_hide_others() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, "{}").await;
    database.execute("insert into guild_settings (guild_id) values (''), (' 1001 '), ('01001'), ('NaN')").await;

    assert_eq!(db::get_guild_settings(&*database, id()).await.unwrap(), Some(row("{}", long_ago())));
}

#[tokio::test]
async fn ensure_creates_the_settings_from_the_defaults() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    let settings = db::ensure_guild_settings(&transaction, id(), &json(r#"{"a": 1}"#)).await.unwrap();

    assert_eq!(settings, row(r#"{"a": 1}"#, now(&transaction).await));
    assert_eq!(db::get_guild_settings(&transaction, id()).await.unwrap(), Some(settings));
}

#[tokio::test]
async fn ensure_returns_existing_settings_and_does_not_change_the_row() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1}"#).await;
    let untouched = "select row(s.*, s.xmin, s.ctid)::text from guild_settings s";
    let before = database.text(untouched).await;

    let settings = db::ensure_guild_settings(&*database, id(), &json(r#"{"a": 2, "b": 2}"#)).await.unwrap();

    assert_eq!(settings, row(r#"{"a": 1}"#, long_ago()));
    assert_eq!(database.text(untouched).await, before);
}

#[tokio::test]
async fn one_of_fifty_concurrent_callers_of_ensure_wins_and_all_get_the_same_answer() {
    let database = TestDatabase::new().await;
    let pool = fifty_connections(&database).await;
    let lock_holder = LockHolder::new(&database, "insert into guild_settings (guild_id) values ('1001')").await;
    let callers = tokio::spawn(concurrently(50, move |caller| {
        let pool = pool.clone();
        let defaults = json(&format!(r#"{{"caller": {caller}}}"#));
        async move { db::ensure_guild_settings(&pool, id(), &defaults).await.unwrap() }
    }));
    lock_holder.wait_until_blocked(50).await;

    lock_holder.rollback().await;

    let answers = callers.await.unwrap();
    let stored = db::get_guild_settings(&*database, id()).await.unwrap().unwrap();
    assert!(answers.iter().all(|answer| *answer == stored), "{stored:?} {answers:?}");
    assert!(stored.settings.get::<u64>("caller").unwrap().is_some_and(|caller| caller < 50));
    assert_eq!(database.text(COUNT_SETTINGS).await, "1");
}

#[tokio::test]
async fn ensure_returns_the_settings_that_another_session_stored_at_the_same_time() {
    let database = TestDatabase::new().await;
    let theirs = r#"insert into guild_settings values ('1001', '{"a": 1}', '2020-01-01 00:00 UTC')"#;
    let lock_holder = LockHolder::new(&database, theirs).await;
    let pool = database.db.clone();
    let ours = tokio::spawn(async move { db::ensure_guild_settings(&pool, id(), &json(r#"{"a": 2}"#)).await });
    lock_holder.wait_until_blocked(1).await;

    lock_holder.commit().await;

    assert_eq!(ours.await.unwrap().unwrap(), row(r#"{"a": 1}"#, long_ago()));
    assert_eq!(db::get_guild_settings(&*database, id()).await.unwrap(), Some(row(r#"{"a": 1}"#, long_ago())));
}

#[tokio::test]
async fn update_replaces_the_top_level_keys_of_the_patch_and_keeps_the_others() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"kept": 1, "deep": {"x": 1, "y": 1}, "list": [1, 2]}"#).await;
    let transaction = database.begin().await.unwrap();

    let patch = json(r#"{"deep": {"y": 2}, "list": [3], "new": true}"#);
    let settings = db::update_guild_settings(&transaction, id(), &patch).await.unwrap();

    let merged = r#"{"kept": 1, "deep": {"y": 2}, "list": [3], "new": true}"#;
    assert_eq!(settings, Some(row(merged, now(&transaction).await)));
    assert_eq!(db::get_guild_settings(&transaction, id()).await.unwrap(), settings);
}

#[tokio::test]
async fn update_stores_null_as_null() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1, "b": 1}"#).await;

    db::update_guild_settings(&*database, id(), &json(r#"{"a": null, "c": null}"#)).await.unwrap();

    let stored = db::get_guild_settings(&*database, id()).await.unwrap().unwrap();
    assert_eq!(stored.settings, json(r#"{"a": null, "b": 1, "c": null}"#));
}

#[tokio::test]
async fn update_with_an_empty_patch_sets_updated_at_to_now() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1}"#).await;
    let transaction = database.begin().await.unwrap();

    let settings = db::update_guild_settings(&transaction, id(), &Settings::default()).await.unwrap();

    assert_eq!(settings, Some(row(r#"{"a": 1}"#, now(&transaction).await)));
}

#[tokio::test]
async fn update_returns_none_without_settings_and_creates_nothing() {
    let database = TestDatabase::new().await;

    assert_eq!(db::update_guild_settings(&*database, id(), &json(r#"{"a": 1}"#)).await.unwrap(), None);

    assert_eq!(database.text(COUNT_SETTINGS).await, "0");
}

#[tokio::test]
async fn update_replaces_a_stored_value_that_is_not_an_object_with_the_patch() {
    let database = TestDatabase::new().await;
    for stored in ["[]", r#"[{"a": 1}]"#, r#""text""#, "1", "true", "null"] {
        database.execute("delete from guild_settings").await;
        store_long_ago(&database, stored).await;

        let settings = db::update_guild_settings(&*database, id(), &json(r#"{"b": 2}"#)).await.unwrap();

        assert_eq!(settings.unwrap().settings, json(r#"{"b": 2}"#), "{stored}");
    }
}

#[tokio::test]
async fn fifty_concurrent_updates_of_different_keys_are_all_stored() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, "{}").await;
    let pool = fifty_connections(&database).await;
    let lock_holder = LockHolder::new(&database, "select from guild_settings for update").await;
    let callers = tokio::spawn(concurrently(50, move |caller| {
        let pool = pool.clone();
        let patch = json(&format!(r#"{{"key {caller}": {caller}}}"#));
        async move { db::update_guild_settings(&pool, id(), &patch).await.unwrap() }
    }));
    lock_holder.wait_until_blocked(50).await;

    lock_holder.rollback().await;

    callers.await.unwrap();
    let all = "select count(*) from guild_settings, jsonb_each(settings) where key = 'key ' || value::text";
    assert_eq!(database.text(all).await, "50");
}

#[tokio::test]
async fn set_replaces_the_whole_settings() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1, "b": 1}"#).await;
    let transaction = database.begin().await.unwrap();

    let settings = db::set_guild_settings(&transaction, id(), &json(r#"{"b": 2}"#)).await.unwrap();

    assert_eq!(settings, row(r#"{"b": 2}"#, now(&transaction).await));
    assert_eq!(db::get_guild_settings(&transaction, id()).await.unwrap(), Some(settings));
}

#[tokio::test]
async fn set_creates_the_row_if_it_is_missing() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    let settings = db::set_guild_settings(&transaction, id(), &json(r#"{"a": 1}"#)).await.unwrap();

    assert_eq!(settings, row(r#"{"a": 1}"#, now(&transaction).await));
    assert_eq!(db::get_guild_settings(&transaction, id()).await.unwrap(), Some(settings));
}

#[tokio::test]
async fn writes_do_not_change_the_settings_of_other_guilds() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1}"#).await;
    let other = GuildId::from(2);

    db::ensure_guild_settings(&*database, other, &json(r#"{"a": 2}"#)).await.unwrap();
    db::update_guild_settings(&*database, other, &json(r#"{"a": 3}"#)).await.unwrap();
    db::set_guild_settings(&*database, other, &json(r#"{"a": 4}"#)).await.unwrap();

    assert_eq!(db::get_guild_settings(&*database, id()).await.unwrap(), Some(row(r#"{"a": 1}"#, long_ago())));
}

#[tokio::test]
async fn settings_may_be_written_before_the_guild_is_stored() {
    let database = TestDatabase::new().await;

    db::ensure_guild_settings(&*database, 1.into(), &json("{}")).await.unwrap();
    db::set_guild_settings(&*database, 2.into(), &json("{}")).await.unwrap();

    assert_eq!(database.text(COUNT_SETTINGS).await, "2");
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn settings_that_are_not_an_object_are_refused_and_the_error_names_the_argument() {
    let database = TestDatabase::new().await;
    store_long_ago(&database, r#"{"a": 1}"#).await;
    for text in ["[]", r#"["a", 1]"#, r#""{}""#, "1", "true", "null"] {
        let value = json(text);

        let ensure = db::ensure_guild_settings(&*database, 2.into(), &value).await.unwrap_err();
        let update = db::update_guild_settings(&*database, id(), &value).await.unwrap_err();
        let set = db::set_guild_settings(&*database, id(), &value).await.unwrap_err();

        assert_refused(&ensure, "ensure_guild_settings", "defaults");
        assert_refused(&update, "update_guild_settings", "patch");
        assert_refused(&set, "set_guild_settings", "settings");
    }
    assert_eq!(db::get_guild_settings(&*database, id()).await.unwrap(), Some(row(r#"{"a": 1}"#, long_ago())));
    assert_eq!(database.text(COUNT_SETTINGS).await, "1");
}

fn assert_refused(error: &Error, in_function: &str, of_field: &str) {
    assert_error(error, ErrorKind::InvalidInput, in_function, of_field);
}
