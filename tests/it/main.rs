//! One test binary: a file an aggregate, and one for each thing that is not an aggregate. The server is real, and each
//! test has a database of its own.

mod build_script;
mod channels;
mod channels_batch;
mod channels_clients;
mod channels_progress;
mod channels_settings;
mod channels_upsert;
mod channels_writes;
mod config;
mod connecting;
mod clients;
mod guild_settings;
mod guilds;
mod guilds_batches;
mod guilds_sync;
mod guilds_sync_whole;
mod ids;
mod install_intents;
mod migrations;
mod packaging;
mod races;
mod scan_runs;
mod scan_runs_progress;
mod scan_runs_states;
mod settings;
mod settings_refused;
mod strings;
mod support;
mod tls;
mod transactions;
mod users;
