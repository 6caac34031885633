//! Shared by the benches: a throwaway server, its data, and the same operations written by hand.

#![allow(dead_code, reason = "each bench takes the part that it needs")]

pub mod data;
pub mod hand_written;
pub mod numbers;
pub mod operations;
pub mod server;
pub mod sql;

use operations::Sides;
use server::Server;
use tokio::runtime::{Builder, Runtime};

/// Starts a server with data, a runtime, and both sides connected to the server.
pub fn begin() -> (Server, Runtime, Sides) {
    let server = Server::start();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let sides = runtime.block_on(async {
        data::fill(&server.open(1).await).await;
        Sides::connect(&server).await
    });
    (server, runtime, sides)
}
