//! Sessions of the pool: when one is replaced. Also the errors of joined calls in a transaction.

use clip_saver_db::{Db, ErrorKind, GenericClient as _, GuildSnapshot, UserSnapshot, repositories as db};
use tokio::try_join;

use crate::support::{TestDatabase, assert_fails, changed, channel, guild};

#[tokio::test]
async fn a_read_survives_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    let id = guild(&database, 1001).await;
    assert!(db::get_guild(&*database, id).await.unwrap().is_some());

    database.execute("alter table bot_guilds alter column name type varchar(100)").await;

    assert_eq!(db::get_guild(&*database, id).await.unwrap().unwrap().name, "guild 1001");
}

#[tokio::test]
async fn a_list_survives_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1);

    database.execute("alter table bot_guilds alter column name type varchar(100)").await;

    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_on_the_callers_own_connection_fails_after_a_change_of_a_columns_type() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let connection = database.connection().await.unwrap();
    assert_eq!(db::get_guilds(&connection).await.unwrap().len(), 1);

    database.execute("alter table bot_guilds alter column name type varchar(100)").await;

    assert!(db::get_guilds(&connection).await.is_err(), "the statement was prepared for another type");
}

const DEALLOCATE_ALL: &str = "create function deallocate_all() returns int language plpgsql as
    $$ begin execute 'deallocate all'; return 1; end $$";

/// Deallocates a session's prepared statements. With a raw client the session would not go back to the pool.
async fn deallocate_all(db: &Db) {
    let connection = db.connection().await.unwrap();
    let deallocate = connection.prepare("select deallocate_all()").await.unwrap();
    connection.query_one(&deallocate, &[]).await.unwrap();
}

#[tokio::test]
async fn discarded_statements_are_prepared_again_on_another_session() {
    let database = TestDatabase::new().await;
    let id = guild(&database, 1001).await;
    let channel = channel(&database, id, 2001).await;
    assert!(db::touch_guild(&*database, id).await.unwrap());
    assert!(db::increment_channel_message_count(&*database, channel, 1).await.unwrap());
    database.execute(DEALLOCATE_ALL).await;

    deallocate_all(&database).await;
    assert!(db::touch_guild(&*database, id).await.unwrap());

    deallocate_all(&database).await;
    assert!(
        db::increment_channel_message_count(&*database, channel, 1).await.is_ok(),
        "the statement was not prepared on that session yet"
    );
}

#[tokio::test]
async fn joined_calls_return_the_error_that_made_the_others_fail() {
    let database = TestDatabase::new().await;
    let unknown_owner = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));
    for _ in 0..100 {
        let transaction = database.begin().await.unwrap();
        let (known, user) = (GuildSnapshot::new(2.into(), "y"), UserSnapshot::new(8.into(), "u"));

        let result = try_join!(
            biased;
            db::upsert_guild(&transaction, &known),
            db::upsert_guild(&transaction, &unknown_owner),
            db::upsert_user(&transaction, &user),
            db::touch_guild(&transaction, known.id),
        );

        assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::ForeignKeyViolation), "{result:?}");
    }
}

#[tokio::test]
async fn a_call_after_a_failed_statement_says_that_the_transaction_is_aborted() {
    let database = TestDatabase::new().await;
    let unknown_owner = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));
    let transaction = database.begin().await.unwrap();
    db::upsert_guild(&transaction, &unknown_owner).await.unwrap_err();

    let result = db::touch_guild(&transaction, 1.into()).await;

    assert_fails(&result, ErrorKind::TransactionAborted, "touch_guild");
}
