//! What the benches share: a server of their own, its data, and the same operations written by hand.

#![allow(dead_code, reason = "each bench takes the part that it needs")]

pub mod data;
pub mod hand_written;
pub mod numbers;
pub mod operations;
pub mod server;
