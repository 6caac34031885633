//! The network or the server is temporarily silent. No connection is closed.

use crate::load::Load;
use crate::proxy::through_a_proxy;
use crate::rig::{Rig, send_command, times};
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
