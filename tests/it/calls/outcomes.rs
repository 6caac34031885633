//! What happens to calls whose connection breaks: calls that may be repeated are sent again. For all others the error says
//! whether the call may have been stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use clip_saver_db::{
    ChannelId, Db, Error, ErrorKind, GenericClient as _, GuildId, GuildSnapshot, ScanIncrement, repositories as db,
};
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::{TEST_TIMEOUT, wait_for_value};
use crate::support::{TestDatabase, backend_pid, channel, connect, guild, queued_run, reading_channel};

/// A database, and a pool whose connections can be cut.
struct CutSetup {
    database: TestDatabase,
    proxy: Proxy,
    db: Db,
}

impl CutSetup {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let proxy = Proxy::to(&database.name).await;
        let db = proxy.pool(2).await;
        Self { database, proxy, db }
    }

    /// Makes a call while its connection is cut `cuts` times. Each cut comes after the server has received the statement
    /// and before the answer arrives.
    async fn cut_while<T>(&self, cuts: usize, call: impl Future<Output = T>) -> T {
        let cutting = async {
            for _ in 0..cuts {
                self.proxy.hold_at('E').await;
                self.proxy.cut().await;
                self.proxy.release();
            }
        };
        timeout(TEST_TIMEOUT, async { tokio::join!(cutting, call).1 }).await.expect("the call ends")
    }

    /// Cuts the connection at the batch, after the two queries that ask whether the caller is in a transaction.
    async fn cut_at_the_batch<T>(&self, call: impl Future<Output = T>) -> T {
        self.proxy.clear_traffic();
        let cutting = async {
            self.proxy.until_sent('E', 2).await;
            self.proxy.hold_at('E').await;
            self.proxy.cut().await;
            self.proxy.release();
        };
        timeout(TEST_TIMEOUT, async { tokio::join!(cutting, call).1 }).await.expect("the call ends")
    }

    async fn count(&self) -> String {
        self.database.text("select message_count from bot_channels").await
    }
}

fn assert_unknown(error: &Error, function: &str, is_retryable: bool) {
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!((error.function(), error.is_retryable()), (Some(function), is_retryable));
}

#[tokio::test]
async fn a_read_whose_connection_breaks_is_sent_again_on_another_connection() {
    let setup = CutSetup::new().await;
    guild(&setup.db, 1).await;
    db::get_guilds(&setup.db).await.unwrap();

    let guilds = setup.cut_while(1, db::get_guilds(&setup.db)).await;

    assert_eq!(guilds.unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotent_write_whose_connection_breaks_is_sent_again_on_another_connection() {
    let setup = CutSetup::new().await;
    db::touch_guild(&setup.db, 1.into()).await.unwrap();
    let snapshot = GuildSnapshot::new(1.into(), "x");
    db::upsert_guild(&setup.db, &snapshot).await.unwrap();

    let written = setup.cut_while(1, db::upsert_guild(&setup.db, &snapshot)).await;

    assert!(written.is_ok(), "{written:?}");
}

#[tokio::test]
async fn an_idempotent_write_whose_connections_break_twice_has_an_unknown_outcome_and_may_be_repeated() {
    let setup = CutSetup::new().await;
    guild(&setup.db, 1).await;
    db::touch_guild(&setup.db, 1.into()).await.unwrap();

    let error = setup.cut_while(2, db::touch_guild(&setup.db, 1.into())).await.unwrap_err();

    assert!(error.kind() == ErrorKind::OutcomeUnknown && error.function() == Some("touch_guild"), "{error:?}");
    assert!(error.is_outcome_unknown() && error.is_retryable());
}

#[tokio::test]
async fn a_write_that_is_not_idempotent_has_an_unknown_outcome_and_is_not_sent_again() {
    let setup = CutSetup::new().await;
    let guild = guild(&setup.db, 1).await;
    let channel = channel(&setup.db, guild, 2).await;
    db::increment_channel_message_count(&setup.db, channel, 1).await.unwrap();

    let error = setup.cut_while(1, db::increment_channel_message_count(&setup.db, channel, 1)).await.unwrap_err();

    assert!(
        error.kind() == ErrorKind::OutcomeUnknown && error.function() == Some("increment_channel_message_count"),
        "{error:?}"
    );
    assert!(error.is_outcome_unknown() && !error.is_retryable());
    assert_eq!(setup.count().await, "2", "the server received it once");
}

#[tokio::test]
async fn a_write_whose_statement_could_not_be_prepared_stores_nothing_and_the_error_says_so() {
    let setup = CutSetup::new().await;
    let guild = guild(&setup.database, 1).await;
    let channel = channel(&setup.database, guild, 2).await;
    let cutting = async {
        setup.proxy.hold_at('P').await;
        setup.proxy.cut().await;
        setup.proxy.release();
    };

    let ((), result) = tokio::join!(cutting, db::increment_channel_message_count(&setup.db, channel, 1));

    assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection), "{result:?}");
    assert_eq!(setup.count().await, "0");
}

#[tokio::test]
async fn nothing_is_sent_again_on_the_callers_own_connection() {
    let setup = CutSetup::new().await;
    guild(&setup.db, 1).await;
    let connection = setup.db.connection().await.unwrap();
    db::touch_guild(&connection, 1.into()).await.unwrap();

    let error = setup.cut_while(1, db::touch_guild(&connection, 1.into())).await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.is_retryable(), "{error:?}");

    let error = db::touch_guild(&connection, 1.into()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Connection, "the connection was already broken: {error:?}");
}

#[tokio::test]
async fn a_large_batch_on_the_callers_own_connection_has_an_unknown_outcome_when_the_connection_breaks() {
    let setup = CutSetup::new().await;
    let guilds: Vec<_> = (1..=10_001).map(|id| GuildSnapshot::new(GuildId::from(id), "x")).collect();
    let connection = setup.db.connection().await.unwrap();
    db::upsert_guilds(&connection, &guilds).await.unwrap();
    let deleting = db::delete_channels(&connection, &(1..=10_001).map(ChannelId::from).collect::<Vec<_>>()).await;
    assert_eq!(deleting.unwrap(), 0);

    let error = setup.cut_at_the_batch(db::upsert_guilds(&connection, &guilds)).await.unwrap_err();

    assert_unknown(&error, "upsert_guilds", true);
}

#[tokio::test]
async fn a_transaction_stores_nothing_when_its_connection_breaks() {
    let setup = CutSetup::new().await;
    let guild = guild(&setup.db, 1).await;
    let channel = channel(&setup.db, guild, 2).await;
    let transaction = setup.db.begin().await.unwrap();
    db::increment_channel_message_count(&transaction, channel, 1).await.unwrap();

    let call = db::increment_channel_message_count(&transaction, channel, 1);
    let error = setup.cut_while(1, call).await.unwrap_err();
    let commit = transaction.commit().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Connection, "{error:?}");
    assert!(
        commit.kind() == ErrorKind::Connection && commit.function() == Some("commit"),
        "the commit was not sent: {commit:?}"
    );
    assert_eq!(setup.count().await, "0");
}

#[tokio::test]
async fn a_commit_whose_connection_breaks_has_an_unknown_outcome_and_the_closure_does_not_run_again() {
    let setup = CutSetup::new().await;
    let guild = guild(&setup.db, 1).await;
    let channel = channel(&setup.db, guild, 2).await;
    let runs = AtomicUsize::new(0);
    setup.proxy.clear_traffic();
    let cutting = async {
        setup.proxy.until_sent('E', 1).await; // the increment, after `begin`
        setup.proxy.hold_at('Q').await; // the commit
        setup.proxy.cut().await;
        setup.proxy.release();
    };

    let adding = setup.db.transaction(async |tx| -> Result<_, Error> {
        runs.fetch_add(1, Ordering::Relaxed);
        db::increment_channel_message_count(&tx, channel, 1).await
    });
    let ((), result) = tokio::join!(cutting, adding);

    let error = result.unwrap_err();
    assert_unknown(&error, "commit", false);
    assert_eq!((runs.into_inner(), setup.count().await.as_str()), (1, "1"));
}

#[tokio::test]
async fn a_page_of_a_scan_run_counts_once_when_its_connection_breaks() {
    let setup = CutSetup::new().await;
    let channel = reading_channel(&setup.db).await;
    let run = queued_run(&setup.db, channel).await;
    let page = ScanIncrement::scanned(100).with_matched(7);
    db::record_scan_progress(&setup.db, run, channel, 10.into(), ScanIncrement::default()).await.unwrap();

    let call = db::record_scan_progress(&setup.db, run, channel, 20.into(), page);
    let progress = setup.cut_while(1, call).await.unwrap().unwrap();

    assert_eq!((progress.messages_scanned, progress.messages_matched), (100, 7));
    assert_eq!(setup.count().await, "100");
}

#[tokio::test]
async fn a_transaction_begins_although_the_pools_connection_was_just_closed() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let terminate = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    let admin = connect(&database.url()).await;
    for _ in 0..20 {
        admin.batch_execute(terminate).await.unwrap();

        let transaction = database.begin().await.unwrap();

        assert!(db::touch_guild(&transaction, 1.into()).await.unwrap());
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_write_on_a_read_only_server_says_so_and_the_next_call_connects_again() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let (mut idle, mut before) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let connection = database.connection().await.unwrap();
        let read_only = "select set_config('default_transaction_read_only', 'on', false)";
        let read_only = connection.prepare(read_only).await.unwrap();
        connection.query_one(&read_only, &[]).await.unwrap();
        before.push(backend_pid(&connection).await);
        idle.push(connection);
    }
    database.execute(&format!("alter database {} set default_transaction_read_only = on", database.name)).await;
    drop(idle);

    let error = db::increment_channel_message_count(&*database, 1.into(), 1).await.unwrap_err();

    assert!(error.kind() == ErrorKind::ReadOnly && error.is_retryable(), "{error:?}");
    assert!(!before.contains(&backend_pid(&database.connection().await.unwrap()).await));
    assert!(database.health().await.unwrap().is_read_only);
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1, "reads still work");
}

#[tokio::test]
async fn a_write_in_a_transaction_that_the_caller_made_read_only_is_the_callers_error_and_costs_no_connection() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let neighbours = [database.connection().await.unwrap(), database.connection().await.unwrap()];
    let transaction = database.begin().await.unwrap();
    let mut before =
        [backend_pid(&neighbours[0]).await, backend_pid(&neighbours[1]).await, backend_pid(&transaction).await];
    drop(neighbours);
    transaction.execute("set transaction read only", &[]).await.unwrap();

    let error = db::touch_guild(&transaction, 1.into()).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Database && !error.is_retryable(), "{error:?}");
    assert_eq!(error.sqlstate(), Some("25006"));
    transaction.rollback().await;
    let reset = "select count(*) from pg_stat_activity where query like '%discard temp%' and state = 'idle'";
    wait_for_value(&database, reset, "1").await;
    let mut connections = Vec::new();
    let mut after = [0; 3];
    for pid in &mut after {
        connections.push(database.connection().await.unwrap());
        *pid = backend_pid(connections.last().unwrap()).await;
    }
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    assert!(db::touch_guild(&connections[2], 1.into()).await.unwrap());
}
