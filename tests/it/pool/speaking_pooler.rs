//! What stands between the program and the server speaks for the server: its errors have no field `V`, and codes and texts of
//! their own. A proxy says what poolers say.

use clip_saver_db::{Db, ErrorKind, repositories as db};
use tokio::time::timeout;

use crate::support::proxy::{PoolerError, Proxy};
use crate::support::races::TEST_TIMEOUT;
use crate::support::{TestDatabase, channel, guild};

/// The pooler's connection to the server broke, or ended, while a statement ran there.
const BROKEN: [PoolerError; 5] = [
    PoolerError("FATAL", "08P01", "server conn crashed?"), // PgBouncer
    PoolerError("FATAL", "08P01", "query_timeout"),        // PgBouncer
    PoolerError("FATAL", "58000", "error receiving data from server: SocketError"), // pgcat
    PoolerError("ERROR", "08006", "remote server read/write error"), // Odyssey
    PoolerError("FATAL", "XX000", "connection to database closed"), // Supavisor
];

/// The pooler had no session of the server for a statement.
const NO_SESSION: [PoolerError; 6] = [
    PoolerError("FATAL", "08P01", "query_wait_timeout"), // PgBouncer
    PoolerError("FATAL", "08P01", "server login has been failing, try again later (server_login_retry)"), // PgBouncer
    PoolerError("FATAL", "58000", "could not get connection from the pool - AllServersDown"), // pgcat
    PoolerError("ERROR", "08006", "failed to get remote server connection"), // Odyssey
    PoolerError("FATAL", "XX000", "(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 5000ms"), // Supavisor
    PoolerError("FATAL", "08006", "Timed-out waiting to acquire database connection"), // RDS Proxy
];

/// The pooler has no room for one more client, or cannot reach its server.
const AWAY_OR_FULL: [PoolerError; 3] = [
    PoolerError("FATAL", "08P01", "no more connections allowed (max_client_conn)"),
    PoolerError("FATAL", "08P01", "client_login_timeout (server down)"),
    PoolerError("FATAL", "XX000", "Max client connections reached"),
];

struct Setup {
    database: TestDatabase,
    proxy: Proxy,
    db: Db,
}

impl Setup {
    /// A channel without messages, and a pool of one connection on which counting is prepared.
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let proxy = Proxy::to(&database.name).await;
        let db = proxy.pool(1).await;
        let id = guild(&db, 1).await;
        channel(&db, id, 2).await;
        db::increment_channel_message_count(&db, 2.into(), 0).await.unwrap();
        db::get_guilds(&db).await.unwrap();
        Self { database, proxy, db }
    }

    /// Makes a call. When the server has run its first statement of a kind, the pooler says this instead of the answer.
    async fn speak_while<T>(&self, kind: char, error: &PoolerError, call: impl Future<Output = T>) -> T {
        let speaking = async {
            self.proxy.hold_at(kind).await;
            self.proxy.speak(error).await;
            self.proxy.release();
        };
        timeout(TEST_TIMEOUT, async { tokio::join!(speaking, call).1 }).await.expect("the call ends")
    }

    async fn count(&self) -> String {
        self.database.text("select message_count from bot_channels").await
    }
}

#[tokio::test]
async fn the_outcome_of_a_write_is_unknown_when_a_pooler_says_that_the_connection_broke() {
    for error in BROKEN {
        let setup = Setup::new().await;

        let call = db::increment_channel_message_count(&setup.db, 2.into(), 1);
        let result = setup.speak_while('E', &error, call).await.unwrap_err();

        assert!(result.kind() == ErrorKind::OutcomeUnknown && !result.is_retryable(), "{error:?}: {result:?}");
        assert_eq!(setup.count().await, "1", "{error:?}: the server has stored it");
    }
}

#[tokio::test]
async fn the_outcome_of_a_commit_is_unknown_when_a_pooler_says_that_the_connection_broke() {
    for error in BROKEN {
        let setup = Setup::new().await;
        let transaction = setup.db.begin().await.unwrap();
        db::increment_channel_message_count(&transaction, 2.into(), 1).await.unwrap();

        let result = setup.speak_while('Q', &error, transaction.commit()).await.unwrap_err();

        assert!(result.kind() == ErrorKind::OutcomeUnknown, "{error:?}: {result:?}");
        assert_eq!(setup.count().await, "1", "{error:?}: the server has stored it");
    }
}

#[tokio::test]
async fn reads_and_idempotent_writes_are_sent_again_whatever_a_pooler_says() {
    for error in BROKEN.iter().chain(&NO_SESSION) {
        let setup = Setup::new().await;

        let guilds = setup.speak_while('E', error, db::get_guilds(&setup.db)).await;
        assert_eq!(guilds.unwrap().len(), 1, "{error:?}");

        db::touch_guild(&setup.db, 1.into()).await.unwrap();
        let touched = setup.speak_while('E', error, db::touch_guild(&setup.db, 1.into())).await;
        assert!(touched.unwrap(), "{error:?}");
    }
}

/// A real pooler says so before it sends the statement. This one says it afterwards: only the error counts here.
#[tokio::test]
async fn a_write_for_which_a_pooler_had_no_session_may_be_repeated() {
    for error in NO_SESSION {
        let setup = Setup::new().await;

        let call = db::increment_channel_message_count(&setup.db, 2.into(), 1);
        let result = setup.speak_while('E', &error, call).await.unwrap_err();

        assert!(result.kind() == ErrorKind::Connection && result.is_retryable(), "{error:?}: {result:?}");
    }
}

#[tokio::test]
async fn connecting_waits_for_a_server_that_is_away_behind_a_pooler_and_for_a_place_at_a_full_pooler() {
    let database = TestDatabase::new().await;
    for error in NO_SESSION.iter().chain(&AWAY_OR_FULL) {
        let proxy = Proxy::to(&database.name).await;

        let (db, ()) = tokio::join!(Db::connect(proxy.config()), proxy.refuse(error, 3));

        assert!(db.is_ok(), "{error:?}: {db:?}");
    }
}

#[tokio::test]
async fn a_poolers_final_refusal_ends_connecting_at_once() {
    let database = TestDatabase::new().await;
    for text in ["no such database: clips", "no such user", "password authentication failed", "SSL required"] {
        let proxy = Proxy::to(&database.name).await;
        let error = PoolerError("FATAL", "08P01", text);

        let (db, ()) = tokio::join!(Db::connect(proxy.config()), proxy.refuse(&error, 1));

        let refused = db.unwrap_err();
        assert!(refused.kind() == ErrorKind::Database && !refused.is_retryable(), "{refused:?}");
        assert!(refused.to_string().contains(text), "{refused}");
    }
}
