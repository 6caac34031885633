//! What `clip-db doctor` says about the server: isolation, limits of connections, what is held back, and the clock.

use super::{changed, clip_db, drop_role, url_for_role};
use crate::support::{Server, TestDatabase, connect};

/// Makes the server's clock an hour wrong in this database: `sign` is `+` or `-`.
fn wrong_clock(sign: &str) -> String {
    format!(
        "alter function pg_catalog.clock_timestamp() rename to right_clock_timestamp;
         create function pg_catalog.clock_timestamp() returns timestamptz language sql
           as 'select pg_catalog.right_clock_timestamp() {sign} interval ''1 hour'''"
    )
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_noted() {
    for (sign, direction) in [("+", "ahead of"), ("-", "behind")] {
        let database = changed(&wrong_clock(sign)).await;

        let told = format!("note   clock        the database's clock is 3600 s {direction} this machine's");
        clip_db(&database.url(), "doctor").await.assert_output(0, &[&told]);
    }
}

#[tokio::test]
async fn the_isolation_level_that_database_or_role_set_is_shown() {
    let database = TestDatabase::new().await;
    let set = format!("alter database {} set default_transaction_isolation = serializable", database.name);
    database.execute(&set).await;

    let output = clip_db(&database.url(), "doctor").await;
    assert!(output.stdout.contains("the database says serializable"), "{}", output.stdout);

    let url = url_for_role(&database, "alter role ROLE set default_transaction_isolation = 'repeatable read'").await;
    let output = clip_db(&url, "doctor").await;
    assert!(output.stdout.contains("the role says repeatable read"), "{}", output.stdout);
    drop_role(&database).await;
}

const RIGHTS: &str = "grant all on all tables in schema public to ROLE; grant usage on sequence users_id_seq to ROLE";

#[tokio::test]
async fn the_limit_of_a_database_below_the_pool_is_wrong() {
    let database = TestDatabase::new().await;
    database.execute(&format!("alter database {} connection limit 4", database.name)).await;
    let url = url_for_role(&database, RIGHTS).await;

    clip_db(&url, "doctor").await.assert_output(2, &["WRONG  connections ", "the database allows 4"]);
    // Superusers have no such limit.
    clip_db(&database.url(), "doctor").await.assert_output(0, &["ok     connections ", "the server allows"]);
    drop_role(&database).await;
}

#[tokio::test]
async fn connections_count_against_the_limit_that_they_use_up() {
    let database = TestDatabase::new().await;
    let url = url_for_role(&database, &format!("alter role ROLE connection limit 12; {RIGHTS}")).await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(connect(&database.url()).await);
    }
    clip_db(&url, "doctor").await.assert_output(0, &["ok     connections ", "the role allows 12, others use 0 now"]);

    for _ in 0..5 {
        sessions.push(connect(&url).await);
    }
    let told = ["note   connections ", "the role allows 12, others use 5 now: programs may have to wait"];
    clip_db(&url, "doctor").await.assert_output(0, &told);
    drop(sessions);
    drop_role(&database).await;
}

#[tokio::test]
async fn slots_that_nobody_reads_and_old_transactions_are_noted_with_the_statements_that_end_them() {
    let server = Server::start(&["wal_level=logical", "max_prepared_transactions=2"]);
    let admin = connect(&server.url).await;
    let slots = "select pg_create_logical_replication_slot('left_logical', 'pgoutput');
                 select pg_create_physical_replication_slot('left_standby', true)";
    admin.batch_execute(&format!("{slots}; create table t ()")).await.unwrap();
    for sql in ["begin; lock table t", "prepare transaction 'it''s left'"] {
        admin.batch_execute(sql).await.unwrap();
    }
    let idle = connect(&server.url).await;
    idle.batch_execute("begin isolation level repeatable read; set application_name = 'idler'; select 1")
        .await
        .unwrap();
    admin.batch_execute(&wrong_clock("+")).await.unwrap();

    let output = clip_db(&server.url, "doctor").await;

    let prepared = "rollback prepared 'it''s left'";
    let slots = ["left_logical", "left_standby"].map(|name| format!("select pg_drop_replication_slot('{name}')"));
    let told = [
        "note   retention    the prepared transaction 'it''s left' of the role postgres is 36",
        prepared,
        "WRONG  locks        a prepared transaction (see pg_prepared_xacts) holds migrations back: let its program end it, or run \
         `commit prepared` or `rollback prepared` with its gid",
        "(idler, role postgres, idle in transaction) is 36",
        "note   retention    nobody reads the logical replication slot left_logical: it keeps ",
        "vacuum keeps deleted rows for it. If its reader does not come back",
        "note   retention    nobody reads the physical replication slot left_standby: it keeps ",
        &slots[0],
        &slots[1],
    ];
    output.assert_output(2, &told);
    // What it says to do.
    idle.batch_execute("rollback; begin; select 1").await.unwrap(); // has no snapshot between its statements
    for statement in [prepared, &slots[0], &slots[1]] {
        admin.batch_execute(statement).await.unwrap();
    }
    let fine = "ok     retention    no unread replication slot and no old transaction";
    clip_db(&server.url, "doctor").await.assert_output(0, &[fine]);
}
