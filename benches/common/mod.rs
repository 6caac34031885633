//! What the benches share: a server of their own, its data, and the same operations written by hand.

pub mod data;
pub mod hand_written;
pub mod operations;
pub mod server;
