//! What each function costs the server: statements, pages read, bytes of WAL, updates in place and plans. The server counts them
//! itself (`pg_stat_statements`, `pg_stat_user_tables`, the position in the WAL), on `tests/fixtures/large_database.sql`.
//!
//! Unlike times, these numbers hardly change between runs.

#[path = "../common/mod.rs"]
mod common;
mod functions;
mod meter;
mod scan;

use std::fs;

use tokio::runtime::Builder;

use common::server::Server;
use meter::Meter;

/// The server counts statements, but not `begin` and the like. No checkpoint comes in between.
const SETTINGS: [&str; 6] = [
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track_planning=on",
    "pg_stat_statements.track_utility=off",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "random_page_cost=1.1",
];

const LARGE_DATABASE: &str = include_str!("../../tests/fixtures/large_database.sql");

fn main() {
    let server = Server::start_with(&SETTINGS);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let [functions, scan] = runtime.block_on(tables(&server));
    for (name, table) in [("server-cost", functions), ("server-cost-of-a-scan", scan)] {
        println!("{table}");
        fs::write(format!("{}/{name}.md", env!("CARGO_TARGET_TMPDIR")), table).expect("the target folder is writable");
    }
}

/// The costs of the functions, and those of a scan.
async fn tables(server: &Server) -> [String; 2] {
    let observer = server.connect().await;
    let run = async |sql: &str| observer.batch_execute(sql).await.expect("the SQL is right");
    server.open(1).await.migrate().await.expect("the migrations can be applied");
    run(LARGE_DATABASE).await;
    run("vacuum analyze").await;
    // What the observer itself reads is not counted.
    run("create extension pg_stat_statements; set pg_stat_statements.track = 'none'").await;
    let mut meter = Meter::new(server, observer);
    functions::measure_all(&mut meter).await;
    let scan = Box::pin(scan::table(&meter)).await;
    [meter.into_table(), scan]
}
