//! The errors of joined calls in a transaction.

use clip_saver_db::{ErrorKind, GuildSnapshot, UserSnapshot, repositories as db};
use tokio::try_join;

use crate::support::{TestDatabase, assert_fails, changed};

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
