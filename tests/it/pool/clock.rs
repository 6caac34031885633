//! The thread whose ticks let connections look for silence. Linux names the threads of a process, so this test runs on Linux
//! only.

use std::fs;

use clip_saver_db::Db;
use tokio::time::timeout;

use crate::pool::pgbouncer::{behind, pgbouncer};
use crate::support::TestDatabase;
use crate::support::alone::{own_url, run_alone};
use crate::support::races::TEST_TIMEOUT;

/// The number of this process's clocks.
fn clocks() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    // A thread that has just ended has no name any more.
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name == "clip-db-clock\n").count()
}

async fn until_clocks(count: usize) {
    let counting = async {
        while clocks() != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, counting).await.unwrap_or_else(|_| panic!("{} clocks instead of {count}", clocks()));
}

/// Behind such a pooler a second pool replaces the first one, because its sessions must set the settings.
#[tokio::test]
async fn each_open_pool_has_one_clock_also_if_its_sessions_set_the_settings() {
    if let Some(url) = own_url() {
        let first = Db::connect(url.parse().unwrap()).await.unwrap();
        until_clocks(1).await;
        let second = Db::connect(url.parse().unwrap()).await.unwrap();
        until_clocks(2).await;
        for (open, db) in [(1, second), (0, first)] {
            db.close().await;
            drop(db);
            until_clocks(open).await;
        }
        return;
    }
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session", "ignore_startup_parameters=options"]);
    let here = "pool::clock::each_open_pool_has_one_clock_also_if_its_sessions_set_the_settings";

    run_alone(here, &database.url());
    run_alone(here, &behind(&pooler, &database.name));
}
