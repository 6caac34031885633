#![doc = include_str!("../README.md")]

include!(concat!(env!("OUT_DIR"), "/codegen.rs"));

pub mod migrate;
pub mod repositories;

/// The generated functions, one for each query, for callers who want streaming or a mapping of their own.
///
/// They run on a [`GenericClient`], so not on [`Db`] but on one connection of it (`&*database.connection().await?`) or on a
/// [`Transaction`]; they return [`tokio_postgres::Error`], and check nothing of what they are given. Where `?` makes an
/// [`Error`] of one, a broken connection is [`Error::Connection`] although the write may have been stored: only the
/// functions of [`repositories`] tell that from [`Error::OutcomeUnknown`].
pub mod queries {
    pub use crate::codegen::client::Params;
    pub use crate::codegen::queries::*;
    pub use crate::codegen::{ArraySql, IterSql, JsonSql, StringSql};
}

mod attempt;
mod config;
mod connection;
mod db;
mod error;
mod health;
mod ids;
mod lease;
mod models;
mod observe;
mod pooler;
mod session;
mod settings;
mod sharing;
mod snapshots;
mod tls;
mod transaction;

#[allow(clippy::wildcard_imports, reason = "the generated code names its modules as if they were the crate's")]
use codegen::*;

/// Whatever statements can be sent on: a connection or a transaction of this crate, of `deadpool_postgres` or of
/// [`tokio_postgres`].
#[doc(inline)]
pub use codegen::client::GenericClient;

#[doc(hidden)]
pub use config::Limits;
pub use config::{Config, get_config};
pub use connection::Connection;
pub use db::{Db, close_db, init_db};
pub use error::Error;
pub use health::Health;
pub use ids::{ChannelId, GuildId, MessageId, ScanRunId, UserId};
pub use lease::Client;
pub use models::{
    Channel, ChannelSettings, Guild, GuildSettings, InstallIntent, ScanProgress, ScanRun, ScanStatus, User,
};
#[doc(hidden)]
pub use pooler::Pooler;
pub use session::Session;
pub use settings::{RawJson, Settings};
pub use snapshots::{ChannelSnapshot, GuildSnapshot, NewInstallIntent, ScanIncrement, UserSnapshot};
pub use tls::SslMode;
pub use transaction::Transaction;

/// Compiles the code of the documents.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../docs/MIGRATION_GUIDE.md")]
    struct MigrationGuide;

    #[doc = include_str!("../docs/QUICK_REFERENCE.md")]
    struct QuickReference;
}
