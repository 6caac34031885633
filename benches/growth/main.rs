//! How the cost of a call grows with the data and with the tasks: a curve for each operation, as a table and as a plot.
//!
//! It does not use criterion. A call on 100,000 channels takes seconds, and only the shape of a curve over five decades
//! matters. A few rounds of each point show it; criterion would run hundreds. Arguments select curves by name.

#[path = "../common/mod.rs"]
mod common;

mod channels;
mod curves;
mod plot;
mod rounds;
mod scan_runs;
mod tasks;

use std::env::args;
use std::fs;
use std::path::Path;

use tokio::runtime::Builder;

use common::server::Server;
use curves::Curves;

/// The folder where `./dev bench` finds the tables and the plots.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

fn main() {
    let wanted: Vec<String> = args().skip(1).filter(|argument| argument != "--bench").collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let server = Server::start();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        server.open(1).await.migrate().await.expect("the migrations can be applied");
        if is_wanted("channels") {
            write("channels", &channels::measure(&server).await, "");
        }
        if is_wanted("tasks") {
            let (curves, waits) = tasks::measure(&server).await;
            write("tasks", &curves, &waits);
        }
        if is_wanted("scan-runs") {
            write("scan-runs", &scan_runs::measure(&server).await, "");
        }
    });
}

/// Prints the table, and saves it and the plot for `./dev bench`.
fn write(name: &str, curves: &Curves, more: &str) {
    let table = format!("{}{more}", curves.table());
    println!("{}\n\n{table}", curves.title);
    let file = |ending| Path::new(FOLDER).join(format!("growth-{name}.{ending}"));
    fs::write(file("md"), table).expect("the target folder is writable");
    fs::write(file("svg"), plot::svg(curves)).expect("the target folder is writable");
}
