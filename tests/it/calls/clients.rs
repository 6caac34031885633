//! The clients that a call runs on: the pool handle, a connection, an open transaction. Also calls in spawned tasks.

use std::sync::Arc;
use std::time::Duration;

use clip_saver_db::{Client, GuildSnapshot, NewInstallIntent, Settings, Transaction, UserSnapshot, repositories as db};

use crate::support::races::wait_for_value;
use crate::support::{TestDatabase, changed, json};

const IN_TRANSACTION: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%'";

/// One call of each kind: a row, a batch, an owner with a guild and channels, settings, a deletion, reads.
async fn call_each_kind(client: &impl Client) {
    let guild = GuildSnapshot::new(1.into(), "x");
    let user = UserSnapshot::new(7.into(), "u");
    let lifetime = Duration::from_mins(1);
    let intent = NewInstallIntent::new("abc", user.id, guild.id, lifetime);

    db::upsert_guild(client, &guild).await.unwrap();
    assert_eq!(db::upsert_guilds(client, &[GuildSnapshot::new(2.into(), "y"), guild.clone()]).await.unwrap(), 2);
    assert!(db::touch_guild(client, guild.id).await.unwrap());
    db::sync_guild(client, &changed!(guild.clone(), owner_user_id = Some(8.into()))).await.unwrap();
    assert_eq!(db::delete_guilds(client, &[2.into()]).await.unwrap(), 1);
    db::upsert_user(client, &user).await.unwrap();
    assert_eq!(db::upsert_users(client, std::slice::from_ref(&user)).await.unwrap(), 1);
    assert!(db::ensure_guild_settings(client, guild.id, &json(r#"{"a": 1}"#)).await.is_ok());
    assert!(db::update_guild_settings(client, guild.id, &json(r#"{"b": 2}"#)).await.unwrap().is_some());
    assert!(db::set_guild_settings(client, guild.id, &json(r#"{"c": 3}"#)).await.is_ok());
    let created = db::create_install_intent(client, &intent).await.unwrap();
    assert_eq!(db::purge_expired_install_intents(client, Duration::ZERO).await.unwrap(), 0);

    assert_eq!(db::get_guild(client, guild.id).await.unwrap().unwrap().owner_user_id, Some(8.into()));
    assert_eq!(db::get_guilds(client).await.unwrap().len(), 1);
    assert_eq!(db::get_user(client, user.id).await.unwrap().unwrap().username.as_deref(), Some("u"));
    let settings = db::get_guild_settings(client, guild.id).await.unwrap().unwrap();
    assert_eq!(settings.settings, json(r#"{"c": 3}"#));
    assert_eq!(db::get_install_intent(client, "abc").await.unwrap(), Some(created.clone()));
    assert_eq!(db::consume_install_intent(client, "abc").await.unwrap(), Some(created));
}

/// The numbers of guilds, users and settings that other sessions see.
async fn committed(database: &TestDatabase) -> String {
    let counts = "select (select count(*) from bot_guilds) || ' ' || (select count(*) from users)
        || ' ' || (select count(*) from guild_settings)";
    database.text(counts).await
}

#[tokio::test]
async fn calls_on_the_pool_handle_commit_by_themselves() {
    let database = TestDatabase::new().await;

    call_each_kind(&*database).await;

    assert_eq!(committed(&database).await, "1 2 1");
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn calls_on_a_connection_commit_by_themselves() {
    let database = TestDatabase::new().await;
    let connection = database.connection().await.unwrap();

    call_each_kind(&connection).await;

    assert_eq!(committed(&database).await, "1 2 1");
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn calls_in_a_transaction_are_committed_with_it() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    call_each_kind(&transaction).await;

    assert_eq!(committed(&database).await, "0 0 0");
    transaction.commit().await.unwrap();
    assert_eq!(committed(&database).await, "1 2 1");
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn calls_in_a_transaction_are_undone_with_it() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    call_each_kind(&transaction).await;
    transaction.rollback().await;

    assert_eq!(committed(&database).await, "0 0 0");
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn a_dropped_transaction_undoes_its_calls_and_leaves_no_session_in_a_transaction() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    call_each_kind(&transaction).await;
    drop(transaction);

    wait_for_value(&database, IN_TRANSACTION, "0").await;
    assert_eq!(committed(&database).await, "0 0 0");
    call_each_kind(&*database).await;
}

#[tokio::test]
async fn a_call_that_fails_leaves_no_session_in_a_transaction() {
    let database = TestDatabase::new().await;
    let stranger = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));

    db::upsert_guild(&*database, &stranger).await.unwrap_err();
    db::upsert_guilds(&*database, &[stranger]).await.unwrap_err();

    assert_eq!(database.text(IN_TRANSACTION).await, "0");
    call_each_kind(&*database).await;
}

/// Runs each write in its own spawned task. The task owns the values that the call borrows.
macro_rules! write_in_tasks {
    ($client:expr) => {{
        let (guild, user) = (GuildSnapshot::new(1.into(), "x"), UserSnapshot::new(7.into(), "u"));
        let client = $client;
        let client = run_in_task(async move { (db::upsert_guild(&client, &guild).await.is_ok(), client) }).await;
        let guilds = vec![GuildSnapshot::new(1.into(), "x")];
        let client = run_in_task(async move { (db::upsert_guilds(&client, &guilds).await.is_ok(), client) }).await;
        let client = run_in_task(async move { (db::touch_guild(&client, 1.into()).await.is_ok(), client) }).await;
        let client =
            run_in_task(async move { (db::sync_guild(&client, &guild_with_owner()).await.is_ok(), client) }).await;
        let client = run_in_task(async move { (db::upsert_user(&client, &user).await.is_ok(), client) }).await;
        let users = vec![UserSnapshot::new(7.into(), "u")];
        let client = run_in_task(async move { (db::upsert_users(&client, &users).await.is_ok(), client) }).await;
        let settings = Settings::default();
        let client = run_in_task(async move {
            let ensured = db::ensure_guild_settings(&client, 1.into(), &settings).await.is_ok();
            let updated = db::update_guild_settings(&client, 1.into(), &settings).await.is_ok();
            let set = db::set_guild_settings(&client, 1.into(), &settings).await.is_ok();
            (ensured && updated && set, client)
        })
        .await;
        let client = run_in_task(async move {
            let (state, lifetime) = ("abc".to_owned(), Duration::from_mins(1));
            let intent = NewInstallIntent::new(state, 7.into(), 1.into(), lifetime);
            let created = db::create_install_intent(&client, &intent).await.is_ok();
            let consumed = db::consume_install_intent(&client, &intent.state).await.is_ok();
            let purged = db::purge_expired_install_intents(&client, lifetime).await.is_ok();
            (created && consumed && purged, client)
        })
        .await;
        let ids = vec![1.into()];
        run_in_task(async move { (db::delete_guilds(&client, &ids).await.is_ok(), client) }).await
    }};
}

fn guild_with_owner() -> GuildSnapshot {
    changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(8.into()))
}

/// Runs a call in a spawned task and returns its client.
async fn run_in_task<C: Send + 'static>(task: impl Future<Output = (bool, C)> + Send + 'static) -> C {
    let (is_ok, client) = tokio::spawn(task).await.expect("the task does not panic");
    assert!(is_ok);
    client
}

#[tokio::test]
async fn every_write_can_run_in_a_spawned_task_on_the_pool_handle() {
    let database = TestDatabase::new().await;

    write_in_tasks!(database.db.clone());

    assert_eq!(committed(&database).await, "0 2 1");
}

#[tokio::test]
async fn every_write_can_run_in_a_spawned_task_in_a_transaction() {
    let database = TestDatabase::new().await;

    let transaction: Transaction = write_in_tasks!(database.begin().await.unwrap());
    transaction.commit().await.unwrap();

    assert_eq!(committed(&database).await, "0 2 1");
}

#[tokio::test]
async fn every_call_works_on_an_arc_of_the_pool_and_of_a_transaction() {
    let (pooled, in_transaction) = (TestDatabase::new().await, TestDatabase::new().await);

    call_each_kind(&Arc::new(pooled.db.clone())).await;
    let transaction = Arc::new(in_transaction.begin().await.unwrap());
    call_each_kind(&transaction).await;

    Arc::into_inner(transaction).unwrap().commit().await.unwrap();
    let guilds = "select count(*) from bot_guilds";
    assert_eq!(in_transaction.text(guilds).await, pooled.text(guilds).await);
}
