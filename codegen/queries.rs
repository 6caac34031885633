// This file was generated with `cornucopia`. Do not modify.

pub mod channels;
pub mod clips;
pub mod guild_settings;
pub mod guilds;
pub mod install_intents;
pub mod parts;
pub mod scan_pages;
pub mod scan_queue;
pub mod scan_runs;
pub mod unreadable_rows;
pub mod users;
