//! Ports for servers that cannot choose one themselves.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port on which no program listens. Each call returns another one. They lie below the ports that systems give to connections
/// and to listeners on port 0 (from 32768 on Linux), so no other test takes one before its server starts.
pub fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let of_process = process::id() % 200 * 60;
    loop {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (of_process + call) % 12_000;
        let port = u16::try_from(port).expect("at most 31,999");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
