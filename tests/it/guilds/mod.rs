//! Guilds and their settings: what each of their functions promises.

pub mod guild_settings;
pub mod guilds_batches;
pub mod lock_order;
pub mod single_guilds;
pub mod sync;
pub mod sync_atomic;
