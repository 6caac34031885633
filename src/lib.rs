#![doc = include_str!("../README.md")]

include!(concat!(env!("OUT_DIR"), "/codegen.rs"));

pub mod migrate;
pub mod repositories;

/// The generated functions, one for each query, for callers who want streaming or a mapping of their own.
///
/// They run on a [`GenericClient`]: not on [`Db`], but on a [`Connection`] or a [`Transaction`]. They return
/// [`tokio_postgres::Error`] and do not check their input. If `?` turns that into an [`Error`], a broken connection is
/// [`ErrorKind::Connection`], although the write may have been stored: only the functions of [`repositories`] tell it from
/// [`ErrorKind::OutcomeUnknown`].
///
/// With `DB_PREPARED_STATEMENTS=off` run them in a [`Transaction`].
pub mod queries {
    pub use crate::codegen::client::Params;
    pub use crate::codegen::queries::*;
    pub use crate::codegen::{ArraySql, IterSql, JsonSql, StringSql};
}

mod config;
mod error;
mod pool;
mod types;

#[allow(clippy::wildcard_imports, reason = "the generated code names its modules as if they were the crate's")]
use codegen::*;

/// Whatever statements can be sent on: a connection or a transaction of this crate, of `deadpool_postgres` or of
/// [`tokio_postgres`].
#[doc(inline)]
pub use codegen::client::GenericClient;

pub use config::tls::SslMode;
pub use config::{Config, PreparedStatements, get_config};
pub use error::{Error, ErrorKind};
pub use migrate::init_db;
pub use pool::client::Client;
pub use pool::connection::Connection;
pub use pool::db::{Db, close_db};
pub use pool::health::Health;
pub use pool::transaction::Transaction;
pub use types::ids::{ChannelId, GuildId, MessageId, ScanRunId, UserId};
pub use types::models::{
    Channel, ChannelSettings, Guild, GuildSettings, InstallIntent, ScanProgress, ScanRun, ScanStatus, User,
};
pub use types::settings::{RawJson, Settings};
pub use types::snapshots::{ChannelSnapshot, GuildSnapshot, NewInstallIntent, ScanIncrement, UserSnapshot};

/// Compiles the code of the documents.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../docs/MIGRATION_GUIDE.md")]
    struct MigrationGuide;

    #[doc = include_str!("../docs/QUICK_REFERENCE.md")]
    struct QuickReference;
}
