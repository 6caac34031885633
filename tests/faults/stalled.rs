//! The network or the server is temporarily silent. Neither closes a connection.

use std::time::Duration;

use clip_saver_db::{Db, ErrorKind};
use tokio::time::timeout;

use crate::load::Load;
use crate::proxy::through_a_proxy;
use crate::rig::{Rig, TEST_TIMEOUT, config, connect, send_command, times, wait_until_true};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_hangs_when_the_network_stalls_and_delayed_writes_count_once() {
    let (proxy, rig) = through_a_proxy().await;
    let load = Load::on(&rig);
    let stalls = times(1);

    for _ in 0..stalls {
        load.wait_for_successes(500).await;
        proxy.stall();
        load.wait_for_failures(1).await;
        proxy.resume();
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{stalls} stalls of the network"), &rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_hangs_when_the_server_freezes() {
    let mut server = Server::start(&[]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let freezes = times(1);

    for _ in 0..freezes {
        load.wait_for_successes(500).await;
        send_command(&mut server, "freeze");
        load.wait_for_failures(1).await;
        send_command(&mut server, "thaw");
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{freezes} freezes of the server"), &rig, refilled).await;
}

/// Another program holds the lock until its session ends: the migration asks for it again and again.
const LOCK: &str = "select pg_advisory_lock(x'636c69702d6462'::bigint)";

const IS_MIGRATING: &str =
    "select exists (select from pg_stat_activity where application_name = 'clip-saver-db migration')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_ends_when_the_server_freezes() {
    let mut server = Server::start(&[]);
    let other = connect(&server.url).await;
    other.batch_execute(LOCK).await.unwrap();
    let mut config = config(&server.url);
    config.statement_timeout = Some(Duration::from_secs(1));
    let db = Db::connect(config).await.unwrap();
    let migrating = tokio::spawn(async move { db.migrate().await });
    wait_until_true(&other, IS_MIGRATING).await;

    send_command(&mut server, "freeze");
    let error = timeout(TEST_TIMEOUT, migrating).await.expect("it ends").unwrap().unwrap_err();

    assert_eq!((error.kind(), error.function()), (ErrorKind::Connection, Some("migrate")), "{error:?}");
    assert!(error.is_retryable());
}
