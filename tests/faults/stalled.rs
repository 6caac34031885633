//! The network, or the server, says nothing for a while; no connection is closed.

use crate::load::Load;
use crate::proxy::through_a_proxy;
use crate::rig::{Rig, tell, times};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hangs_when_the_network_stalls_and_what_was_held_up_counts_once() {
    let (proxy, rig) = through_a_proxy().await;
    let load = Load::on(&rig);
    let stalls = times(1);

    for _ in 0..stalls {
        load.succeeds(500).await;
        proxy.stall();
        load.fails(1).await;
        proxy.go_on();
    }
    load.succeeds(500).await;

    let ledger = load.end().await;
    let refilled = rig.refills().await;
    ledger.settle(&format!("{stalls} stalls of the network"), &rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hangs_when_the_server_freezes() {
    let mut server = Server::start(&[]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let freezes = times(1);

    for _ in 0..freezes {
        load.succeeds(500).await;
        tell(&mut server, "freeze");
        load.fails(1).await;
        tell(&mut server, "thaw");
    }
    load.succeeds(500).await;

    let ledger = load.end().await;
    let refilled = rig.refills().await;
    ledger.settle(&format!("{freezes} freezes of the server"), &rig, refilled).await;
}
