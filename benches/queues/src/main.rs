//! Figures of the shared scans: claims beside two other queues, how flat a claim's cost stays, pages, wake-ups, waits.
//!
//! `./dev bench queues` starts it with the URL of a throwaway server, in which it makes databases. It prints a Markdown table to
//! standard output, and what it is doing to standard error. Further arguments select parts by name.

#[path = "../../common/numbers.rs"]
#[allow(dead_code, reason = "the other benches use the rest")]
mod numbers;

mod awa_queue;
mod channel;
mod claim_cost;
mod database;
mod graphile_queue;
mod hand_written;
mod hand_written_claims;
mod pages;
mod report;
mod throughput;
mod waits;
mod wakeups;

use std::env::args;

use report::Report;

#[tokio::main]
async fn main() {
    let mut arguments = args().skip(1);
    let url = arguments.next().expect("the first argument is the URL of a throwaway server");
    let wanted: Vec<String> = arguments.collect();
    if let [wakeups::CLAIMER, count] = wanted.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return wakeups::claim(&url, count.parse().expect("the second argument is a number")).await;
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut report = Report::default();
    if is_wanted("throughput") {
        throughput::measure(&url, &mut report).await;
    }
    if is_wanted("claim-cost") {
        claim_cost::measure(&url, &mut report).await;
    }
    if is_wanted("pages") {
        pages::measure(&url, &mut report).await;
    }
    if is_wanted("channel") {
        channel::measure(&url, &mut report).await;
    }
    if is_wanted("wakeups") {
        wakeups::measure(&url, &mut report).await;
    }
    if is_wanted("waits") {
        waits::measure(&url, &mut report).await;
    }
    print!("{report}");
}
