// This file was generated with `cornucopia`. Do not modify.

pub mod channels;
pub mod guild_settings;
pub mod guilds;
pub mod install_intents;
pub mod parts;
pub mod scan_runs;
pub mod unreadable_rows;
pub mod users;
