//! Batches of more than 10,000 rows are stored as a whole or not at all, on every kind of client.

use clip_saver_db::{Client, Error, ErrorKind, GuildSnapshot, UserSnapshot, close_db, repositories as db};
use tokio_postgres::NoTls;

use crate::calls::parts::{MANY, channels, record_statements, recorded_statements, users};
use crate::support::races::{LockHolder, wait_for_value};
use crate::support::{TestDatabase, changed, connect};

const COUNT_USERS: &str = "select count(*) from users";

const IN_TRANSACTION: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%'";

/// A batch with a row in its last part that a constraint refuses.
async fn batch_with_a_refused_row(database: &TestDatabase) -> Vec<UserSnapshot> {
    database.execute("alter table users add constraint named check (username <> 'bad')").await;
    let mut batch = users(1..=MANY);
    // User 9999, the last one in text order.
    batch[9_998].username = Some("bad".into());
    batch
}

fn assert_refused(result: Result<u64, Error>) {
    let error = result.unwrap_err();
    assert_eq!((error.function(), error.constraint()), (Some("upsert_users"), Some("named")), "{error:?}");
}

#[tokio::test]
async fn nothing_of_a_batch_is_stored_if_the_database_refuses_a_row_of_its_last_part() {
    let database = TestDatabase::new().await;
    db::upsert_user(&*database, &UserSnapshot::new(1.into(), "old")).await.unwrap();

    assert_refused(db::upsert_users(&*database, &batch_with_a_refused_row(&database).await).await);

    assert_eq!(database.text("select string_agg(username, ' ') from users").await, "old");
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn sync_guild_stores_neither_guild_nor_owner_if_the_last_part_is_refused() {
    let database = TestDatabase::new().await;
    database.execute("alter table bot_channels add constraint named check (name <> 'channel 9999')").await;
    let (owner_user_id, channels) = (Some(7.into()), channels(1..=MANY));

    let guild = changed!(GuildSnapshot::new(1001.into(), "Testers"), owner_user_id, channels);
    let error = db::sync_guild(&*database, &guild).await.unwrap_err();

    assert!(error.kind() == ErrorKind::CheckViolation && error.function() == Some("sync_guild"), "{error:?}");
    let counts = "select (select count(*) from bot_guilds) + (select count(*) from users)";
    assert_eq!(database.text(counts).await, "0");
}

#[tokio::test]
async fn a_conflict_is_reported_and_the_batch_is_not_sent_again() {
    let database = TestDatabase::new().await;
    let conflict = "create sequence attempts;
        create function conflict() returns trigger language plpgsql as $$ begin
          perform nextval('attempts');
          raise exception using errcode = '40001';
        end $$;
        create trigger conflict before insert on users for each row when (new.discord_user_id = '9999')
          execute function conflict()";
    database.execute(conflict).await;

    let error = db::upsert_users(&*database, &users(1..=MANY)).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Conflict && error.function() == Some("upsert_users"), "{error:?}");
    assert_eq!(database.text("select last_value from attempts").await, "1");
    assert_eq!(database.text(COUNT_USERS).await, "0");
}

#[tokio::test]
async fn an_error_at_the_commit_or_before_the_transaction_names_the_function() {
    let database = TestDatabase::new().await;
    let at_commit = "create function refuse() returns trigger language plpgsql as $$ begin
          raise exception using errcode = '23514';
        end $$;
        create constraint trigger refuse after insert on users deferrable initially deferred
          for each row when (new.discord_user_id = '9999') execute function refuse()";
    database.execute(at_commit).await;

    let error = db::upsert_users(&*database, &users(1..=MANY)).await.unwrap_err();
    assert_eq!((error.function(), error.sqlstate()), (Some("upsert_users"), Some("23514")), "{error:?}");
    assert_eq!(database.text(COUNT_USERS).await, "0");

    close_db(&database).await;
    let error = db::upsert_users(&*database, &users(1..=MANY)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Closed && error.function() == Some("upsert_users"), "{error:?}");
}

#[tokio::test]
async fn a_dropped_call_stores_nothing_and_leaves_no_session_in_a_transaction() {
    let database = TestDatabase::new().await;
    let lock_holder = LockHolder::new(&database, "insert into users (discord_user_id) values ('9999')").await;
    let handle = database.db.clone();
    let call = tokio::spawn(async move { db::upsert_users(&handle, &users(1..=MANY)).await });
    lock_holder.wait_until_blocked(1).await;

    call.abort();
    call.await.unwrap_err();
    lock_holder.rollback().await;

    wait_for_value(&database, IN_TRANSACTION, "0").await;
    assert_eq!(database.text(COUNT_USERS).await, "0");
}

#[tokio::test]
async fn parts_in_the_callers_transaction_are_committed_or_undone_with_it() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "users").await;

    let undone = database.begin().await.unwrap();
    assert_eq!(db::upsert_users(&undone, &users(1..=MANY)).await.unwrap(), MANY);
    assert_eq!(database.text(COUNT_USERS).await, "0");
    undone.rollback().await;
    assert_eq!(database.text(COUNT_USERS).await, "0");

    let stored = database.begin().await.unwrap();
    db::upsert_user(&stored, &UserSnapshot::new(1.into(), "first")).await.unwrap();
    assert_eq!(db::upsert_users(&stored, &users(2..=MANY)).await.unwrap(), MANY - 1);
    assert_eq!(database.text(COUNT_USERS).await, "0");
    stored.commit().await.unwrap();
    assert_eq!(recorded_statements(&database).await, "1+10000+10000+4999 1 1");
}

#[tokio::test]
async fn parts_in_a_transaction_of_tokio_postgres_are_committed_or_undone_with_it() {
    let database = TestDatabase::new().await;
    record_statements(&database, "insert", "users").await;
    let (mut client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);

    let undone = client.transaction().await.unwrap();
    assert_eq!(db::upsert_users(&undone, &users(1..=MANY)).await.unwrap(), MANY);
    undone.rollback().await.unwrap();
    assert_eq!(database.text(COUNT_USERS).await, "0");

    let stored = client.transaction().await.unwrap();
    assert_eq!(db::upsert_users(&stored, &users(1..=MANY)).await.unwrap(), MANY);
    assert_eq!(database.text(COUNT_USERS).await, "0");
    stored.commit().await.unwrap();
    assert_eq!(recorded_statements(&database).await, "10000+10000+5000 1 1");
}

#[tokio::test]
async fn a_batch_leaves_a_transaction_open_that_was_begun_by_hand() {
    let database = TestDatabase::new().await;
    let connection = database.connection().await.unwrap();
    connection.raw().batch_execute("begin; savepoint clip").await.unwrap();

    assert_eq!(db::upsert_users(&connection, &users(1..=MANY)).await.unwrap(), MANY);

    assert_eq!(database.text(COUNT_USERS).await, "0");
    connection.raw().batch_execute("rollback to savepoint clip; commit").await.unwrap();
    assert_eq!(database.text(COUNT_USERS).await, "0");
}

/// The crate must not begin a transaction on a client that other callers also use. There a batch of any size is one
/// statement.
async fn is_one_statement(database: &TestDatabase, client: &impl Client) {
    record_statements(database, "insert", "users").await;

    assert_eq!(db::upsert_users(client, &users(1..=MANY)).await.unwrap(), MANY);
    assert_eq!(recorded_statements(database).await, "25000 1 1");

    database.execute("delete from users").await;
    assert_refused(db::upsert_users(client, &batch_with_a_refused_row(database).await).await);
    assert_eq!(database.text(COUNT_USERS).await, "0");
}

#[tokio::test]
async fn a_batch_on_a_connection_outside_of_a_transaction_is_one_statement() {
    let database = TestDatabase::new().await;

    is_one_statement(&database, &database.connection().await.unwrap()).await;
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}

#[tokio::test]
async fn a_batch_on_a_client_of_tokio_postgres_outside_of_a_transaction_is_one_statement() {
    let database = TestDatabase::new().await;

    is_one_statement(&database, &connect(&database.url()).await).await;
    assert_eq!(database.text(IN_TRANSACTION).await, "0");
}
