//! A standby takes over while 32 tasks write: because the primary was killed, because it is silent, or because an operator
//! wants it. The URL names both servers. The standby is synchronous: it has everything that the primary has acknowledged.

use std::time::Instant;

use crate::ledger::Ledger;
use crate::load::Load;
use crate::rig::{Rig, connect, send_command, wait_until_true};
use crate::server::Server;

/// A primary and its synchronous standby, with a database and a pool that knows both.
struct Pair {
    primary: Server,
    standby: Server,
    rig: Rig,
}

impl Pair {
    async fn new() -> Self {
        let primary = Server::start(&["synchronous_commit=on"]);
        let direct = Rig::new(&primary.url).await;
        let standby = Server::start(&["--standby", &primary.url, "synchronous_commit=on"]);
        let on_primary = connect(&direct.url).await;
        on_primary.batch_execute("alter system set synchronous_standby_names = '*'").await.unwrap();
        on_primary.batch_execute("select pg_reload_conf()").await.unwrap();
        wait_until_true(&on_primary, "select exists (select from pg_stat_replication where sync_state = 'sync')").await;
        let database = direct.url.rsplit_once('/').unwrap().1;
        let (host, other) = (host(&primary), host(&standby));
        let url = format!("postgresql://postgres@{host},{other}/{database}?target_session_attrs=read-write");
        let rig = Rig::with_pool_url(&format!("postgresql://postgres@{other}/{database}"), &url).await;
        Self { primary, standby, rig }
    }

    /// Causes a fault of the primary, promotes the standby, and waits until the load continues there.
    async fn fail_over(&mut self, fault: impl AsyncFnOnce(&mut Server, &Load)) -> Ledger {
        let load = Load::on(&self.rig);
        load.wait_for_successes(1000).await;
        fault(&mut self.primary, &load).await;
        connect(&self.standby.url).await.batch_execute("select pg_promote()").await.unwrap();
        let promoted = Instant::now();
        load.wait_for_successes(1).await;
        println!("faults: the first call after the promotion has succeeded {:.1?} later", promoted.elapsed());
        load.wait_for_successes(1000).await;
        load.end().await
    }

    /// Checks that all connections of the pool lead to the former standby.
    async fn assert_followed(&self) {
        let folder = self.standby.url.split(['@', '/']).nth(3).unwrap().replace("%2F", "/");
        for connection in self.rig.all_connections().await.unwrap() {
            let row = connection.raw().query_one("show unix_socket_directories", &[]).await.unwrap();
            assert_eq!(row.get::<_, String>(0), folder);
        }
    }
}

fn host(server: &Server) -> &str {
    server.url.split(['@', '/']).nth(3).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_follows_a_promoted_standby_when_the_primary_is_killed() {
    let mut pair = Pair::new().await;

    let ledger = pair.fail_over(async |primary, _| send_command(primary, "kill")).await;

    let refilled = pair.rig.wait_until_full().await;
    pair.assert_followed().await;
    ledger.assert_consistent("standby promoted, primary killed", &pair.rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_follows_a_promoted_standby_when_the_primary_is_frozen() {
    let mut pair = Pair::new().await;

    let ledger = pair.fail_over(async |primary, _| send_command(primary, "freeze")).await;

    let refilled = pair.rig.wait_until_full().await;
    pair.assert_followed().await;
    send_command(&mut pair.primary, "thaw");
    pair.assert_followed().await;
    ledger.assert_consistent("standby promoted, primary frozen", &pair.rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_follows_a_promoted_standby_when_the_primary_keeps_running_but_accepts_no_writes() {
    let mut pair = Pair::new().await;
    let fence = async |primary: &mut Server, load: &Load| {
        let primary = connect(&primary.url).await;
        primary.batch_execute("alter system set default_transaction_read_only = on").await.unwrap();
        primary.batch_execute("select pg_reload_conf()").await.unwrap();
        load.wait_for_failures(1).await;
    };

    let ledger = pair.fail_over(fence).await;

    let refilled = pair.rig.wait_until_full().await;
    pair.assert_followed().await;
    ledger.assert_consistent("standby promoted, primary read-only", &pair.rig, refilled).await;
}
