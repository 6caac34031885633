//! Several calls that are stored together or not at all.

use std::sync::atomic::{AtomicU32, Ordering};

use clip_saver_db::{Db, Error, ErrorKind, GenericClient as _, GuildSnapshot, Transaction, repositories as db};
use futures::FutureExt as _;

use crate::support::{TestDatabase, assert_error, assert_fails, changed, guild};

const COUNT_GUILDS: &str = "select count(*) from bot_guilds";

fn snapshot(id: u64) -> GuildSnapshot {
    GuildSnapshot::new(id.into(), "x")
}

/// Runs a statement that fails with this SQLSTATE.
async fn fail_with(transaction: &Transaction, sqlstate: &str) -> Result<(), Error> {
    let raise = format!("do $$ begin raise exception using errcode = '{sqlstate}'; end $$");
    transaction.execute(&raise, &[]).await?;
    Ok(())
}

#[tokio::test]
async fn other_sessions_see_nothing_before_the_commit_and_everything_after_it() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();

    db::upsert_guild(&transaction, &snapshot(1)).await.unwrap();
    assert_eq!(database.text(COUNT_GUILDS).await, "0");
    transaction.commit().await.unwrap();

    assert_eq!(database.text(COUNT_GUILDS).await, "1");
}

#[tokio::test]
async fn an_error_that_the_closure_returns_undoes_everything() {
    let database = TestDatabase::new().await;

    let result: Result<(), Error> = database
        .transaction(|tx| async move {
            db::upsert_guild(&tx, &snapshot(1)).await?;
            db::upsert_guild(&tx, &changed!(snapshot(2), owner_user_id = Some(9.into()))).await
        })
        .await;

    assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::ForeignKeyViolation));
    assert_eq!(database.text(COUNT_GUILDS).await, "0");
}

#[tokio::test]
async fn an_ignored_error_never_turns_a_commit_into_a_silent_rollback() {
    let database = TestDatabase::new().await;

    let result: Result<(), Error> = database
        .transaction(|tx| async move {
            db::upsert_guild(&tx, &snapshot(1)).await?;
            fail_with(&tx, "22012").await.unwrap_err();
            Ok(())
        })
        .await;

    assert_fails(&result, ErrorKind::TransactionAborted, "commit");
}

#[tokio::test]
async fn an_error_of_a_dropped_call_never_turns_a_commit_into_a_silent_rollback() {
    let database = TestDatabase::new().await;
    let unknown_owner = changed!(snapshot(2), owner_user_id = Some(9.into()));
    let transaction = database.begin().await.unwrap();
    db::upsert_guild(&transaction, &snapshot(1)).await.unwrap();

    assert!(
        db::upsert_guild(&transaction, &unknown_owner).now_or_never().is_none(),
        "the call is sent and then dropped"
    );

    let result = transaction.commit().await;
    assert_fails(&result, ErrorKind::TransactionAborted, "commit");
}

#[tokio::test]
async fn an_error_between_rows_never_turns_a_commit_into_a_silent_rollback() {
    let database = TestDatabase::new().await;
    let transaction = database.begin().await.unwrap();
    db::upsert_guild(&transaction, &snapshot(1)).await.unwrap();
    let rows = "select 1 / (n - 5) from generate_series(1, 10) n";

    drop(transaction.query_raw(rows, [0_i32; 0]).await.unwrap());

    let result = transaction.commit().await;
    assert_fails(&result, ErrorKind::TransactionAborted, "commit");
}

#[tokio::test]
async fn conflicts_run_the_closure_again() {
    let database = TestDatabase::new().await;

    for sqlstate in ["40001", "40P01"] {
        let attempts = &AtomicU32::new(0);
        let result: Result<u32, Error> = database
            .transaction(|tx| async move {
                let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
                db::upsert_guild(&tx, &snapshot(u64::from(attempt))).await?;
                if attempt < 3 {
                    fail_with(&tx, sqlstate).await?;
                }
                Ok(attempt)
            })
            .await;

        assert_eq!(result.unwrap(), 3, "{sqlstate}");
        assert_eq!(database.text("select string_agg(guild_id, ',') from bot_guilds").await, "3");
    }
}

#[tokio::test]
async fn conflicts_run_the_closure_again_whatever_error_it_returns() {
    let database = TestDatabase::new().await;
    let attempts = &AtomicU32::new(0);

    let result: anyhow::Result<()> = database
        .transaction(|tx| async move {
            attempts.fetch_add(1, Ordering::Relaxed);
            fail_with(&tx, "40001").await.map_err(|_| anyhow::anyhow!("an error without a cause"))
        })
        .await;

    assert!(result.unwrap_err().downcast_ref::<Error>().is_none());
    assert_eq!(attempts.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn other_errors_do_not_run_the_closure_again() {
    let database = TestDatabase::new().await;
    let attempts = &AtomicU32::new(0);

    let result: Result<(), Error> = database
        .transaction(|tx| async move {
            attempts.fetch_add(1, Ordering::Relaxed);
            fail_with(&tx, "23514").await
        })
        .await;

    assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::CheckViolation));
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_dropped_transaction_is_undone_and_its_connection_never_comes_back_inside_of_it() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;

    for _ in 0..20 {
        let transaction = database.begin().await.unwrap();
        db::delete_guilds(&transaction, &[guild]).await.unwrap();
        drop(transaction);
        let connection = database.connection().await.unwrap();
        let fresh = connection.query_one("select pg_current_xact_id_if_assigned() is null", &[]).await.unwrap();
        assert!(fresh.get::<_, bool>(0));
    }

    assert!(db::touch_guild(&*database, guild).await.unwrap());
}

#[tokio::test]
async fn a_dropped_future_leaves_no_session_idle_in_transaction() {
    let database = TestDatabase::new().await;
    let has_written = tokio::sync::Notify::new();

    for _ in 0..20 {
        let has_written = &has_written;
        let work = database.transaction(|tx| async move {
            db::upsert_guild(&tx, &snapshot(1)).await?;
            has_written.notify_one();
            std::future::pending::<Result<(), Error>>().await
        });
        tokio::select! {
            result = work => panic!("the closure never ends: {result:?}"),
            () = has_written.notified() => {}
        }
    }

    let idle = "select count(*) from pg_stat_activity \
                where datname = current_database() and state like 'idle in transaction%'";
    while database.text(idle).await != "0" {}
    assert_eq!(database.text(COUNT_GUILDS).await, "0");
}

#[tokio::test]
async fn closures_with_borrowed_arguments_and_open_transactions_run_in_spawned_tasks() {
    async fn join(db: &Db, guild: &GuildSnapshot) -> Result<bool, Error> {
        db.transaction(|tx| async move {
            db::upsert_guild(&tx, guild).await?;
            db::touch_guild(&tx, guild.id).await
        })
        .await
    }
    let database = TestDatabase::new().await;
    let handle = database.db.clone();

    let by_closure = tokio::spawn(async move { join(&handle, &snapshot(1)).await });
    let transaction = database.begin().await.unwrap();
    let by_hand = tokio::spawn(async move {
        db::upsert_guild(&transaction, &snapshot(2)).await?;
        transaction.commit().await
    });

    assert!(by_closure.await.unwrap().unwrap());
    by_hand.await.unwrap().unwrap();
    assert_eq!(database.text(COUNT_GUILDS).await, "2");
}

#[tokio::test]
async fn a_transaction_accepts_async_closures() {
    let database = TestDatabase::new().await;

    let result: Result<(), Error> = database.transaction(async |tx| db::upsert_guild(&tx, &snapshot(1)).await).await;

    result.unwrap();
    assert_eq!(database.text(COUNT_GUILDS).await, "1");
}

#[tokio::test]
async fn a_closure_that_keeps_its_transaction_handle_stores_nothing() {
    let database = TestDatabase::new().await;
    let leaked_handle = &std::sync::Mutex::new(None);

    let result: Result<(), Error> = database
        .transaction(|tx| async move {
            db::upsert_guild(&tx, &snapshot(1)).await?;
            *leaked_handle.lock().unwrap() = Some(tx);
            Ok(())
        })
        .await;

    assert_error(&result.unwrap_err(), ErrorKind::InvalidInput, "transaction", "tx");
    drop(leaked_handle.lock().unwrap().take());
    assert_eq!(database.text(COUNT_GUILDS).await, "0");
}

#[tokio::test]
async fn the_closures_own_error_is_returned_even_if_a_handle_outlives_it() {
    let database = TestDatabase::new().await;
    let leaked_handle = &std::sync::Mutex::new(None);

    let result: Result<(), Error> = database
        .transaction(|tx| async move {
            let failed = fail_with(&tx, "23514").await;
            *leaked_handle.lock().unwrap() = Some(tx);
            failed
        })
        .await;

    assert_eq!(result.unwrap_err().kind(), ErrorKind::CheckViolation);
    drop(leaked_handle.lock().unwrap().take());
}
