//! The server is killed with -9, with all of its processes, and starts again.

use crate::load::Load;
use crate::rig::{Rig, send_command, times};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_is_killed_again_and_again() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let kills = times(10);

    for _ in 0..kills {
        load.wait_for_successes(500).await;
        send_command(&mut server, "kill");
        send_command(&mut server, "start");
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    send_command(&mut server, "kill");
    send_command(&mut server, "start");
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{kills} servers killed"), &rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_is_restarted_cleanly() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let rig = Rig::new(&server.url).await;
    let load = Load::on(&rig);
    let stops = times(3);

    for _ in 0..stops {
        load.wait_for_successes(500).await;
        send_command(&mut server, "stop");
        send_command(&mut server, "start");
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{stops} servers restarted"), &rig, refilled).await;
}
