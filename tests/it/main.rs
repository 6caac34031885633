//! One test binary: a file an aggregate, and one for each thing that is not an aggregate. The server is real, and each
//! test has a database of its own.

mod adoption;
mod build_script;
mod channels;
mod channels_batch;
mod channels_clients;
mod channels_progress;
mod channels_settings;
mod channels_upsert;
mod channels_writes;
mod clients;
#[cfg(feature = "cli")]
mod clip_db;
mod config;
mod connecting;
mod examples;
mod guild_settings;
mod guilds;
mod guilds_batches;
mod guilds_sync;
mod guilds_sync_whole;
mod ids;
mod install_intents;
mod lock_order;
#[cfg(target_os = "linux")]
mod memory;
mod migration_faults;
mod migration_lint;
mod migration_lint_breaking;
mod migration_lint_released;
mod migration_races;
mod migrations;
mod packaging;
mod parts;
mod parts_atomic;
mod plans;
mod proxy;
mod races;
mod scan_runs;
mod scan_runs_progress;
mod scan_runs_states;
mod schema;
mod round_trips;
mod settings;
mod settings_refused;
mod strings;
mod style;
mod style_columns;
mod style_rust;
mod support;
mod tls;
mod tortoise;
mod transactions;
mod unreadable_rows;
mod users;
