//! What wait_for_value of calls whose connection breaks: what may be made again is, and of the rest the error tells whether it may
//! have been stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use clip_saver_db::{
    ChannelId, Db, Error, ErrorKind, GenericClient as _, GuildId, GuildSnapshot, ScanIncrement, repositories as db,
};
use tokio::time::timeout;

use crate::support::proxy::Proxy;
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, backend_pid, channel, connect, guild, queued_run, reading_channel};

/// A database, and a way to it that can be cut.
struct Scene {
    database: TestDatabase,
    proxy: Proxy,
    db: Db,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let proxy = Proxy::to(&database.name).await;
        let db = proxy.pool(2).await;
        Self { database, proxy, db }
    }

    /// Makes a call; the connection is cut as often as said, each time when the server has got the statement and before
    /// its answer is there.
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

    /// Cuts behind the two questions whether the caller is in a transaction, at the batch itself.
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
async fn a_list_is_read_on_another_connection() {
    let scene = Scene::new().await;
    guild(&scene.db, 1).await;
    db::get_guilds(&scene.db).await.unwrap();

    let guilds = scene.cut_while(1, db::get_guilds(&scene.db)).await;

    assert_eq!(guilds.unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotent_write_is_made_again_on_another_connection() {
    let scene = Scene::new().await;
    db::touch_guild(&scene.db, 1.into()).await.unwrap();
    let snapshot = GuildSnapshot::new(1.into(), "x");
    db::upsert_guild(&scene.db, &snapshot).await.unwrap();

    let written = scene.cut_while(1, db::upsert_guild(&scene.db, &snapshot)).await;

    assert!(written.is_ok(), "{written:?}");
}

#[tokio::test]
async fn an_idempotent_write_that_breaks_twice_is_of_unknown_outcome_and_may_be_made_again() {
    let scene = Scene::new().await;
    guild(&scene.db, 1).await;
    db::touch_guild(&scene.db, 1.into()).await.unwrap();

    let error = scene.cut_while(2, db::touch_guild(&scene.db, 1.into())).await.unwrap_err();

    assert!(error.kind() == ErrorKind::OutcomeUnknown && error.function() == Some("touch_guild"), "{error:?}");
    assert!(error.is_outcome_unknown() && error.is_retryable());
}

#[tokio::test]
async fn a_write_that_counts_is_of_unknown_outcome_and_not_made_again() {
    let scene = Scene::new().await;
    let guild = guild(&scene.db, 1).await;
    let channel = channel(&scene.db, guild, 2).await;
    db::increment_channel_message_count(&scene.db, channel, 1).await.unwrap();

    let error = scene.cut_while(1, db::increment_channel_message_count(&scene.db, channel, 1)).await.unwrap_err();

    assert!(
        error.kind() == ErrorKind::OutcomeUnknown && error.function() == Some("increment_channel_message_count"),
        "{error:?}"
    );
    assert!(error.is_outcome_unknown() && !error.is_retryable());
    assert_eq!(scene.count().await, "2", "the server had got it, and got it once");
}

#[tokio::test]
async fn a_statement_that_could_not_be_prepared_was_not_sent() {
    let scene = Scene::new().await;
    let guild = guild(&scene.database, 1).await;
    let channel = channel(&scene.database, guild, 2).await;
    let cutting = async {
        scene.proxy.hold_at('P').await;
        scene.proxy.cut().await;
        scene.proxy.release();
    };

    let ((), result) = tokio::join!(cutting, db::increment_channel_message_count(&scene.db, channel, 1));

    assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection), "{result:?}");
    assert_eq!(scene.count().await, "0");
}

#[tokio::test]
async fn on_a_connection_of_the_callers_nothing_is_made_again() {
    let scene = Scene::new().await;
    guild(&scene.db, 1).await;
    let connection = scene.db.connection().await.unwrap();
    db::touch_guild(&connection, 1.into()).await.unwrap();

    let error = scene.cut_while(1, db::touch_guild(&connection, 1.into())).await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.is_retryable(), "{error:?}");

    let error = db::touch_guild(&connection, 1.into()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Connection, "it was broken before: {error:?}");
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_parts_is_of_unknown_outcome_on_a_connection_of_the_callers() {
    let scene = Scene::new().await;
    let guilds: Vec<_> = (1..=10_001).map(|id| GuildSnapshot::new(GuildId::from(id), "x")).collect();
    let connection = scene.db.connection().await.unwrap();
    db::upsert_guilds(&connection, &guilds).await.unwrap();
    let deleting = db::delete_channels(&connection, &(1..=10_001).map(ChannelId::from).collect::<Vec<_>>()).await;
    assert_eq!(deleting.unwrap(), 0);

    let error = scene.cut_at_the_batch(db::upsert_guilds(&connection, &guilds)).await.unwrap_err();

    assert_unknown(&error, "upsert_guilds", true);
}

#[tokio::test]
async fn in_a_transaction_nothing_is_stored_when_the_connection_breaks() {
    let scene = Scene::new().await;
    let guild = guild(&scene.db, 1).await;
    let channel = channel(&scene.db, guild, 2).await;
    let transaction = scene.db.begin().await.unwrap();
    db::increment_channel_message_count(&transaction, channel, 1).await.unwrap();

    let call = db::increment_channel_message_count(&transaction, channel, 1);
    let error = scene.cut_while(1, call).await.unwrap_err();
    let commit = transaction.commit().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Connection, "{error:?}");
    assert!(
        commit.kind() == ErrorKind::Connection && commit.function() == Some("commit"),
        "it was not sent: {commit:?}"
    );
    assert_eq!(scene.count().await, "0");
}

#[tokio::test]
async fn a_commit_that_breaks_on_its_way_is_of_unknown_outcome_and_the_closure_does_not_run_again() {
    let scene = Scene::new().await;
    let guild = guild(&scene.db, 1).await;
    let channel = channel(&scene.db, guild, 2).await;
    let runs = AtomicUsize::new(0);
    scene.proxy.clear_traffic();
    let cutting = async {
        scene.proxy.until_sent('E', 1).await; // the increment, behind `begin`
        scene.proxy.hold_at('Q').await; // the commit
        scene.proxy.cut().await;
        scene.proxy.release();
    };

    let adding = scene.db.transaction(async |tx| -> Result<_, Error> {
        runs.fetch_add(1, Ordering::Relaxed);
        db::increment_channel_message_count(&tx, channel, 1).await
    });
    let ((), result) = tokio::join!(cutting, adding);

    let error = result.unwrap_err();
    assert_unknown(&error, "commit", false);
    assert_eq!((runs.into_inner(), scene.count().await.as_str()), (1, "1"));
}

#[tokio::test]
async fn a_page_of_a_scan_run_counts_once_although_its_connection_breaks() {
    let scene = Scene::new().await;
    let channel = reading_channel(&scene.db).await;
    let run = queued_run(&scene.db, channel).await;
    let page = ScanIncrement::scanned(100).with_matched(7);
    db::record_scan_progress(&scene.db, run, channel, 10.into(), ScanIncrement::default()).await.unwrap();

    let call = db::record_scan_progress(&scene.db, run, channel, 20.into(), page);
    let progress = scene.cut_while(1, call).await.unwrap().unwrap();

    assert_eq!((progress.messages_scanned, progress.messages_matched), (100, 7));
    assert_eq!(scene.count().await, "100");
}

#[tokio::test]
async fn a_transaction_begins_although_the_pools_connection_has_just_ended() {
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
async fn a_server_that_takes_no_writes_says_so_and_the_next_call_connects_anew() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let pid = async || -> i32 { backend_pid(&database.connection().await.unwrap()).await };
    let before = pid().await;
    database.execute(&format!("alter database {} set default_transaction_read_only = on", database.name)).await;
    let connection = database.connection().await.unwrap();
    let read_only =
        connection.prepare("select set_config('default_transaction_read_only', 'on', false)").await.unwrap();
    connection.query_one(&read_only, &[]).await.unwrap();
    drop(connection);

    let error = db::increment_channel_message_count(&*database, 1.into(), 1).await.unwrap_err();

    assert!(error.kind() == ErrorKind::ReadOnly && error.is_retryable(), "{error:?}");
    assert_ne!(pid().await, before);
    assert!(database.health().await.unwrap().is_read_only);
    assert_eq!(db::get_guilds(&*database).await.unwrap().len(), 1, "reads go on");
}
