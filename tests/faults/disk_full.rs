//! The disk of the tables is temporarily full.

use std::path::PathBuf;

use clip_saver_db::repositories as db;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;

use crate::load::Load;
use crate::rig::{Rig, connect, the_guild, times};
use crate::server::Server;

/// Puts all tables and their indexes on the small disk.
async fn move_to_small_disk(rig: &Rig) {
    let server: tokio_postgres::Config = rig.url.parse().unwrap();
    let Host::Unix(folder) = server.get_hosts()[0].clone() else { panic!("./dev server must listen on a Unix socket") };
    let disk: PathBuf = folder.join("small-disk");
    rig.execute(&format!("create tablespace small location '{}'", disk.display())).await;
    rig.execute("alter table all in tablespace pg_default set tablespace small").await;
    rig.execute("alter index all in tablespace pg_default set tablespace small").await;
}

/// Fills the disk until not even one more block fits.
async fn fill_up(rig: &Rig) {
    let client = connect(&rig.url).await;
    let filler = "create table filler (block text) tablespace small; alter table filler alter block set storage plain";
    client.batch_execute(filler).await.unwrap();
    for blocks in [100, 1] {
        let fill = format!("insert into filler select repeat('x', 7000) from generate_series(1, {blocks})");
        let error = loop {
            if let Err(error) = client.batch_execute(&fill).await {
                break error;
            }
        };
        assert_eq!(error.code(), Some(&SqlState::DISK_FULL), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_fail_and_reads_work_while_the_disk_is_full() {
    let fills = times(3);
    let server = Server::start(&["--small-disk", &format!("{}m", 8 * (fills + 1))]);
    let rig = Rig::new(&server.url).await;
    move_to_small_disk(&rig).await;
    let load = Load::on(&rig);

    for _ in 0..fills {
        load.wait_for_successes(500).await;
        fill_up(&rig).await;
        load.wait_for_failures(5).await;
        assert!(db::get_guild(&rig.db, the_guild()).await.unwrap().is_some());
        assert!(db::count_channels_by_guild(&rig.db, the_guild()).await.unwrap() > 0);
        rig.execute("drop table filler").await;
    }
    load.wait_for_successes(500).await;

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    assert!(ledger.errors.keys().eq(["Database 53100"]), "{:?}", ledger.errors);
    ledger.assert_consistent(&format!("{fills} times a full disk"), &rig, refilled).await;
}
