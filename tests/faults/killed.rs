//! The server is killed with -9, with all of its processes, and starts again.

use crate::load::Load;
use crate::rig::{Rig, tell, times};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_is_killed_again_and_again() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let kills = times(10);

    for _ in 0..kills {
        load.succeeds(500).await;
        tell(&mut server, "kill");
        tell(&mut server, "start");
    }
    load.succeeds(500).await;

    let ledger = load.end().await;
    tell(&mut server, "kill");
    tell(&mut server, "start");
    let refilled = rig.refills().await;
    ledger.settle(&format!("{kills} servers killed"), &rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_is_restarted_in_good_order() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let stops = times(3);

    for _ in 0..stops {
        load.succeeds(500).await;
        tell(&mut server, "stop");
        tell(&mut server, "start");
    }
    load.succeeds(500).await;

    let ledger = load.end().await;
    let refilled = rig.refills().await;
    ledger.settle(&format!("{stops} servers restarted"), &rig, refilled).await;
}
