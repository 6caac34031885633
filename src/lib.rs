//! The PostgreSQL layer of the Discord Clip Saver. Its bot and its worker call typed async functions. The SQL behind them is
//! written by hand, and the build checks every change of it against a real PostgreSQL.
//!
//! ```no_run
//! use clip_saver_db::{Error, GuildSnapshot, close_db, init_db, repositories as db};
//!
//! # async fn example() -> Result<(), Error> {
//! let database = init_db().await?; // reads DATABASE_URL, connects, migrates
//! let guild = GuildSnapshot::new("197038439483310086".parse()?, "Discord Testers");
//! db::sync_guild(&database, &guild).await?;
//! for channel in db::get_reading_channels(&database, guild.id).await? {
//!     if let Some(run) = db::enqueue_scan_run(&database, channel.channel_id).await? {
//!         println!("{} is queued as {run}", channel.channel_id);
//!     }
//! }
//! close_db(&database).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go next
//!
//! - [`repositories`] has every function that reads or writes, and says what all of them promise.
//! - [`init_db`] opens the database from the environment, [`get_config`] shows what it reads, and [`Config`] has every setting.
//!   [`close_db`] ends it.
//! - [`Db`] is the pool. Each call on it commits by itself. Clone it for each task: the clones share one pool.
//! - [`Db::transaction`] stores several calls together, or none of them. It runs again after a conflict.
//! - [`Client`] is what a function runs on: a [`Db`], a [`Connection`] or a [`Transaction`].
//! - [`GuildSnapshot`], [`ChannelSnapshot`] and [`UserSnapshot`] go in. [`Guild`], [`Channel`], [`ScanRun`] and other rows come
//!   out. Ids have types of their own, such as [`GuildId`]. [`Settings`] is a JSON object.
//! - [`Error`] has a [`kind`](Error::kind) of type [`ErrorKind`]. It says whether a retry makes sense
//!   ([`Error::is_retryable`]) and whether a write may have been stored ([`Error::is_outcome_unknown`]).
//! - [`migrate`] brings the schema up to date. Programs may start at the same time: one migrates, the others wait.
//! - [`queries`] has the generated functions, for streaming or a mapping of your own.
//! - [`Db::scan_wakeups`] wakes a worker when there are scans to claim, and a [`ScanLease`] keeps its claim alive.
//! - [`Db::health`] answers a readiness probe.

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
mod scans;
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
pub use scans::lease::ScanLease;
pub use scans::wakeups::ScanWakeups;
pub use types::clips::{Clip, ClipFilter, ClipKey, ClipPage};
pub use types::ids::{AttachmentId, ChannelId, GuildId, MessageId, ScanRunId, UserId};
pub use types::models::{
    Channel, ChannelSettings, Guild, GuildSettings, InstallIntent, ScanProgress, ScanRun, ScanStatus, User,
};
pub use types::pages::{
    Attachment, ClipAuthor, ClipMessage, LiveMessagesRecorded, MessageInterval, PageRecorded, RecordedScanPage,
    ScanPage,
};
pub use types::scans::{
    ActiveScan, CancelScope, LastScan, LeaseState, ScanClaim, ScanQueueStats, ScanRequest, ScanRequested, ScanState,
    ScanWorker,
};
pub use types::settings::{RawJson, Settings};
pub use types::snapshots::{ChannelSnapshot, GuildSnapshot, NewInstallIntent, ScanIncrement, UserSnapshot};
pub use types::unreadable::UnreadableRow;

/// Compiles the code of the documents.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../docs/MIGRATION_GUIDE.md")]
    struct MigrationGuide;

    #[doc = include_str!("../docs/QUICK_REFERENCE.md")]
    struct QuickReference;

    #[doc = include_str!("../README.md")]
    struct Readme;
}
