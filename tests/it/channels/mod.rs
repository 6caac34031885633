//! Channels: what each of their functions promises.

pub mod batch;
pub mod channel_settings;
pub mod lists;
pub mod on_any_client;
pub mod progress;
pub mod upsert;
pub mod writes;
