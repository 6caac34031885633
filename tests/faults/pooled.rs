//! PgBouncer is between the program and the server, and the connections between PgBouncer and the server are cut. PgBouncer then
//! speaks for the server: its errors have no field `V`, and codes of its own.

use clip_saver_db::repositories as db;

use crate::cut::{CHANNEL, PLACES, count};
use crate::ledger::{Outcome, outcome_of};
use crate::load::Load;
use crate::proxy::{Flight, Proxy};
use crate::rig::{Rig, shared_server, times};
use crate::server::Server;

/// A database, and a pool whose connections go through PgBouncer, and from there through the proxy.
async fn behind_pgbouncer() -> (Server, Proxy, Rig) {
    let direct = Rig::new(shared_server()).await;
    let proxy = Proxy::to(&direct.url).await;
    let settings = [
        "127.0.0.1",
        &proxy.port.to_string(),
        "postgres",
        "",
        "pool_mode=session",
        "ignore_startup_parameters=options",
        "default_pool_size=40",
        "server_login_retry=1",
    ];
    let pooler = Server::run("pooler", &settings);
    let database = direct.url.rsplit_once('/').expect("the URL ends in /database").1;
    let url = format!("{}/{database}", pooler.url.rsplit_once('/').expect("the URL ends in /database").0);
    let rig = Rig::with_pool_url(&direct.url, &url).await;
    (pooler, proxy, rig)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_connections_are_cut_between_pgbouncer_and_the_server() {
    let (_pooler, proxy, rig) = behind_pgbouncer().await;
    let load = Load::on(&rig);
    let cuts = times(120);

    for (number, place) in (0..cuts).zip(PLACES.into_iter().cycle()) {
        proxy.cut_next(Flight::Run, place);
        proxy.wait_for_cuts(number + 1).await;
        load.wait_for_successes(20).await;
    }

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    rig.db.close().await;
    ledger.assert_consistent(&format!("{cuts} connections cut behind PgBouncer"), &rig, refilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_behind_pgbouncer_leaves_the_outcome_of_a_write_and_of_a_commit_unknown() {
    let (_pooler, proxy, rig) = behind_pgbouncer().await;
    rig.execute(CHANNEL).await;
    db::increment_channel_message_count(&rig.db, 7.into(), 1).await.unwrap();

    for (cut, is_stored) in PLACES.into_iter().zip([0, 0, 1, 1]) {
        let before = count(&rig).await;
        proxy.cut_next(Flight::Run, cut);
        let error = db::increment_channel_message_count(&rig.db, 7.into(), 1).await.unwrap_err();
        assert_eq!(outcome_of(&error), Outcome::Unknown, "{cut:?}: {error:?}");
        assert_eq!(count(&rig).await - before, is_stored, "{cut:?}");

        let transaction = rig.db.begin().await.unwrap();
        db::increment_channel_message_count(&transaction, 7.into(), 1).await.unwrap();
        proxy.cut_next(Flight::Words, cut);
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(outcome_of(&error), Outcome::Unknown, "{cut:?}: {error:?}");
        assert_eq!(count(&rig).await - before, 2 * is_stored, "{cut:?}");
    }
}
