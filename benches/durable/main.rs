//! A scan of 13 statements on a server that flushes every commit to the disk: here the number of commits decides.
//!
//! `TMPDIR` must be on a disk (`./dev bench` sees to that): by default a throwaway server keeps its data in memory.

#[path = "../common/mod.rs"]
mod common;
mod scans;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use common::data::fill;
use common::numbers::Spread;
use common::server::Server;
use scans::{Scans, WAYS};

const SETTINGS: [&str; 3] = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];

const ROUNDS: usize = 15;

/// Scans of each way in a round.
const SCANS: u32 = 5;

fn main() {
    let server = Server::start_with(&SETTINGS);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let table = runtime.block_on(table(&server));
    println!("{table}");
    fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/durable.md"), table).expect("the target folder is writable");
}

/// Whether a folder's file system is in memory. Systems whose `stat` does not say so have none that is.
fn is_in_memory(folder: &str) -> bool {
    let output = Command::new("stat").args(["-f", "-c", "%T", folder]).output();
    output.is_ok_and(|output| ["tmpfs\n", "ramfs\n"].map(str::as_bytes).contains(&output.stdout.as_slice()))
}

/// Every way beside the same scan in five commits by hand, in rounds that run each of them.
async fn table(server: &Server) -> String {
    let client = server.connect().await;
    let folder: String = client.query_one("show data_directory", &[]).await.expect("a superuser may ask").get(0);
    assert!(!is_in_memory(&folder), "{folder} is in memory: set TMPDIR to a folder on a disk");
    fill(&server.open(1).await).await;
    let mut scans = Scans::new(server).await;
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        rounds.push(round(&mut scans).await);
    }
    rounds.remove(0); // warms up
    let mut table =
        "| a scan | commits | scans/s | wall | spread | target | met |\n|---|---:|---:|---|---|---|---|\n".to_owned();
    for (number, way) in WAYS.iter().enumerate() {
        let of_round = |round: &Vec<Duration>| round[number].as_secs_f64() / round[0].as_secs_f64();
        let wall = Spread::of(rounds.iter().map(of_round));
        let seconds = Spread::of(rounds.iter().map(|round| round[number].as_secs_f64()));
        let [target, met] = match way.target {
            None => ["", ""].map(str::to_owned),
            Some(most) => [format!("{most:.2}"), if wall.median <= most { "yes" } else { "**no**" }.to_owned()],
        };
        let (name, commits, a_second) = (way.name, way.commits, f64::from(SCANS) / seconds.median);
        let ratio = format!("{:.2} | {:.2}–{:.2}", wall.median, wall.lower, wall.upper);
        writeln!(table, "| {name} | {commits} | {a_second:.0}/s | {ratio} | {target} | {met} |")
            .expect("it is a string");
    }
    table
}

/// The time of each way.
async fn round(scans: &mut Scans) -> Vec<Duration> {
    let mut times = Vec::new();
    for way in 0..WAYS.len() {
        let started = Instant::now();
        for _ in 0..SCANS {
            scans.run(way).await;
        }
        times.push(started.elapsed());
    }
    times
}
