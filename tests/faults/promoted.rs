//! A standby takes over while 32 tasks write, because the primary was killed, because it says nothing any more, or because
//! an operator wants it so. Both are named in the URL. The standby is synchronous: what the primary has acknowledged, it has.

use std::time::Instant;

use crate::ledger::Ledger;
use crate::load::Load;
use crate::rig::{Rig, becomes, connect, tell};
use crate::server::Server;

/// A primary and its synchronous standby, a database on them, and a pool that is told of both.
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
        becomes(&on_primary, "select exists (select from pg_stat_replication where sync_state = 'sync')").await;
        let database = direct.url.rsplit_once('/').unwrap().1;
        let (host, other) = (host(&primary), host(&standby));
        let url = format!("postgresql://postgres@{host},{other}/{database}?target_session_attrs=read-write");
        let rig = Rig::reached_by(&format!("postgresql://postgres@{other}/{database}"), &url).await;
        Self { primary, standby, rig }
    }

    /// Does something to the primary, has the standby take over, and waits until the load goes on there.
    async fn fails_over(&mut self, fault: impl AsyncFnOnce(&mut Server, &Load)) -> Ledger {
        let load = Load::on(&self.rig);
        load.succeeds(1000).await;
        fault(&mut self.primary, &load).await;
        connect(&self.standby.url).await.batch_execute("select pg_promote()").await.unwrap();
        let promoted = Instant::now();
        load.succeeds(1).await;
        println!("faults: the first call after the promotion has succeeded {:.1?} later", promoted.elapsed());
        load.succeeds(1000).await;
        load.end().await
    }

    /// All connections of the pool at once lead to the server that was the standby.
    async fn is_followed(&self) {
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
async fn a_promoted_standby_is_followed_when_the_primary_is_killed() {
    let mut pair = Pair::new().await;

    let ledger = pair.fails_over(async |primary, _| tell(primary, "kill")).await;

    let refilled = pair.rig.refills().await;
    pair.is_followed().await;
    ledger.settle("standby promoted, primary killed", &pair.rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_is_followed_when_the_primary_is_frozen() {
    let mut pair = Pair::new().await;

    let ledger = pair.fails_over(async |primary, _| tell(primary, "freeze")).await;

    let refilled = pair.rig.refills().await;
    pair.is_followed().await;
    tell(&mut pair.primary, "thaw");
    pair.is_followed().await;
    ledger.settle("standby promoted, primary frozen", &pair.rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_is_followed_when_the_primary_lives_on_and_takes_no_writes() {
    let mut pair = Pair::new().await;
    let fence = async |primary: &mut Server, load: &Load| {
        let primary = connect(&primary.url).await;
        primary.batch_execute("alter system set default_transaction_read_only = on").await.unwrap();
        primary.batch_execute("select pg_reload_conf()").await.unwrap();
        load.fails(1).await;
    };

    let ledger = pair.fails_over(fence).await;

    let refilled = pair.rig.refills().await;
    pair.is_followed().await;
    ledger.settle("standby promoted, primary read-only", &pair.rig, refilled).await;
}
