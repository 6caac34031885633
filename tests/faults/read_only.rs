//! The server is temporarily read-only, as if an operator had switched it.

use clip_saver_db::repositories as db;

use crate::load::Load;
use crate::rig::{Rig, the_guild, times};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_fail_and_reads_work_while_the_server_is_read_only() {
    let server = Server::start(&[]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let switches = times(3);

    for _ in 0..switches {
        load.wait_for_successes(500).await;
        rig.execute("alter system set default_transaction_read_only = on").await;
        rig.execute("select pg_reload_conf()").await;
        load.wait_for_failures(5).await;
        assert!(db::get_guild(&rig.db, the_guild()).await.unwrap().is_some());
        assert!(db::count_channels_by_guild(&rig.db, the_guild()).await.unwrap() > 0);
        rig.execute("alter system reset default_transaction_read_only").await;
        rig.execute("select pg_reload_conf()").await;
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    assert!(ledger.errors.keys().eq(["ReadOnly"]), "{:?}", ledger.errors);
    ledger.assert_consistent(&format!("{switches} times read-only"), &rig, refilled).await;
}
