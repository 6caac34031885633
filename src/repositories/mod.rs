//! The facade: one function for each query, under the name that the Python `repositories` module gave it.
//!
//! A function has the name of its query in `queries/`, one file an aggregate. (`upsert_user` runs the query
//! of `upsert_users`.) Each runs on a [`Db`](crate::Db) (one call, one commit), on a connection, or inside a
//! [`Transaction`](crate::Transaction).
//!
//! - PostgreSQL computes counters, cursors and merges: concurrent calls lose nothing.
//! - A batch is atomic. The last of several duplicates wins. "Rows written" counts distinct keys. An empty batch is no round
//!   trip.
//! - A batch of more than 10,000 rows is sent in parts of one transaction, so memory does not grow with it.
//!   `DB_STATEMENT_TIMEOUT` applies to each part. In two cases such a batch is one statement: on a connection outside a
//!   transaction, because only the caller may begin one there (with `DB_PREPARED_STATEMENTS=off` the call itself is one); and in
//!   [`delete_guilds`], which sends only ids.
//! - Reads of one row by key on a `Db` share connections: those of several tasks are sent together.
//! - Time is the database's clock.
//! - Input that PostgreSQL cannot store is refused before anything is sent ([`ErrorKind::InvalidInput`]): text and JSON with
//!   U+0000, JSON as [`Settings`] says, and times before PostgreSQL's calendar (4714 BC).
//! - A batch over `DB_MAX_BATCH_BYTES` and settings over `DB_MAX_SETTINGS_BYTES` are refused, too.
//! - If the future of a call on its own connection is dropped, the call is canceled on the server.
//! - *Needs* lists the rights that a function's role needs. `docs/PRIVILEGES.md` has all of them, and roles for bot and
//!   worker.
//!
//! # Rows that cannot be read
//! Older programs, or people, may have stored an id that is not a snowflake, or a time that `chrono` cannot hold. A read of
//! such a row by its key fails with [`ErrorKind::UnreadableRow`]. A list leaves the row out and returns the others. It logs a
//! warning with column, key and reason for each of the first ten rows, and one with the number of the others. The metric
//! `db.client.unreadable_rows` counts all. [`get_unreadable_rows`] returns them, and so does `clip-db unreadable`, which can
//! also delete them.
//!
//! # When the connection breaks
//! A read on a [`Db`](crate::Db) is sent again, once, on another connection. Opening that connection may wait for a server that
//! is starting or failing over, for `DB_CONNECT_TIMEOUT` at most. A write whose documentation says *idempotent* is sent again,
//! too: repeated, it stores and answers the same. (If another call has written the row meanwhile, the repeated write
//! overwrites that, as if it had come later.) Any other write fails: with [`ErrorKind::OutcomeUnknown`] if it was already sent,
//! else with [`ErrorKind::Connection`], and nothing was stored. On your own connection or transaction nothing is sent again. A
//! transaction stores nothing before its commit.
//!
//! # Errors
//! Besides the errors that it lists, each function may fail with [`ErrorKind::Connection`], [`ErrorKind::ConnectTimeout`],
//! [`ErrorKind::PoolTimeout`], [`ErrorKind::Closed`], [`ErrorKind::Canceled`], [`ErrorKind::Conflict`] and
//! [`ErrorKind::Database`]. A function that returns one row may also fail with [`ErrorKind::UnreadableRow`], and one that writes
//! with [`ErrorKind::OutcomeUnknown`] and [`ErrorKind::ReadOnly`].

/// Defines an operation by its name and its SQL verb. The keys of its metrics are made at compile time.
macro_rules! operation {
    ($name:literal, $verb:literal) => {{
        static OPERATION: $crate::pool::observe::Operation = $crate::pool::observe::Operation {
            name: $name,
            verb: $verb,
            calls: || {
                metrics::counter!(
                    "db.client.operation.calls",
                    "db.system.name" => "postgresql", "db.operation.name" => $verb, "db.query.summary" => $name
                )
            },
            duration: || {
                metrics::histogram!(
                    "db.client.operation.duration",
                    "db.system.name" => "postgresql", "db.operation.name" => $verb, "db.query.summary" => $name
                )
            },
        };
        &OPERATION
    }};
}

/// Runs a call on a lease. If the connection breaks and the call may be sent again, runs it once more on another lease.
macro_rules! attempts {
    ($client:expr, $attempts:expr, |$on:ident| $call:expr) => {{
        let mut attempts = $attempts;
        loop {
            let lease = match $client.lease().await {
                Ok(lease) => lease,
                Err(error) => break Err(attempts.give_up(error)),
            };
            let attempt = $crate::pool::attempt::Attempt::on($client, &lease);
            let $on = &*lease;
            let result = attempt.run(std::pin::pin!(async { $call })).await;
            if let Some(result) = attempts.outcome(&attempt, result) {
                break result;
            }
        }
    }};
}

/// Runs a repository function: its checks, if it has some, then its statement on a lease. Observes all of it as one call.
macro_rules! run {
    ($kind:ident, $client:expr, $name:literal, $verb:literal, $(|| $check:expr,)* |$on:ident| $call:expr) => {
        operation!($name, $verb)
            .observe($client.limits().slow_query, std::pin::pin!(async {
                $($check?;)*
                let kind = $crate::pool::attempt::CallKind::$kind;
                attempts!($client, $crate::pool::attempt::Attempts::of($client, kind), |$on| $call)
            }))
            .await
    };
}

/// A read of any number of rows.
macro_rules! fetch {
    ($client:expr, $name:literal, $($call:tt)+) => {
        run!(Read, $client, $name, "SELECT", $($call)+)
    };
}

/// A list. The rows that cannot be read are left out and reported.
macro_rules! list {
    ($client:expr, $name:literal, |$on:ident| $query:expr) => {
        fetch!($client, $name, |$on| $crate::repositories::readable($name, $query.iter().await?).await)
    };
}

/// A write that may be sent again: repeated, it stores and answers the same.
macro_rules! idempotent {
    ($($call:tt)+) => {
        run!(Idempotent, $($call)+)
    };
}

/// A write that must not be sent again.
macro_rules! once {
    ($($call:tt)+) => {
        run!(Once, $($call)+)
    };
}

/// A read of one row by its key, on a shared connection. If there is none, or it does not answer, runs on a lease.
macro_rules! read {
    ($client:expr, $name:literal, $(|| $check:expr,)? |$on:ident| $query:expr) => {
        operation!($name, "SELECT")
            .observe($client.limits().slow_query, std::pin::pin!(async {
                $($check?;)?
                let shared = match $client.db() {
                    Some(db) => db.share().await?,
                    None => None,
                };
                let mut attempts = $crate::pool::attempt::Attempts::of($client, $crate::pool::attempt::CallKind::Read);
                if let Some(shared) = shared {
                    let $on = shared.session();
                    // Pinned where it is made: a future that is moved takes its place twice in every caller's future.
                    if let Some(result) = shared.run(std::pin::pin!(async { $query.opt().await?.transpose() })).await {
                        return result;
                    }
                    attempts = $crate::pool::attempt::Attempts::last();
                }
                attempts!($client, attempts, |$on| $query.opt().await?.transpose())
            }))
            .await
    };
}

mod channels;
mod clips;
mod guild_settings;
mod guilds;
mod install_intents;
mod parts;
mod scan_pages;
mod scan_queue;
mod scan_runs;
mod unreadable_rows;
mod users;

pub use channels::*;
pub use clips::*;
pub use guild_settings::*;
pub use guilds::*;
pub use install_intents::*;
pub use scan_pages::*;
pub use scan_queue::*;
pub use scan_runs::*;
pub use unreadable_rows::*;
pub use users::*;

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use tokio_postgres::Error as PgError;

use self::parts::{ID, Part};
use crate::GenericClient;
use crate::codegen::client::Params as _;
use crate::codegen::queries::channels::{UpsertChannelsForGuildParams, upsert_channels_for_guild as channels_query};
use crate::codegen::queries::guilds::{SyncGuildParams, sync_guild as sync_guild_query};
use crate::codegen::{IterSql, JsonSql, StringSql};
use crate::config::Limits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::SkippedRows;
use crate::types::ids::{ChannelId, GuildId, MessageId, UserId};
use crate::types::settings::Settings;
use crate::types::snapshots::{ChannelSnapshot, GuildSnapshot};

impl StringSql for ChannelId {}
impl StringSql for GuildId {}
impl StringSql for MessageId {}
impl StringSql for UserId {}
impl JsonSql for Settings {}

/// The longest lifetime or grace: PostgreSQL can add it to a `timestamp`.
const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

/// Refuses U+0000, the only character that PostgreSQL's text cannot hold.
fn check_text(field: &str, text: &str) -> Result<(), Error> {
    match text.find('\0') {
        None => Ok(()),
        Some(offset) => {
            let reason = format!("holds U+0000 (at byte {offset}), which PostgreSQL cannot store");
            Err(Error::invalid_input(field, reason))
        }
    }
}

/// The texts of a snapshot, each with its field's name. Functions that return them destructure the snapshot, so that the
/// compiler rejects a new field until somebody adds it or leaves it out on purpose.
type Texts<'a, const N: usize> = [(&'static str, Option<&'a str>); N];

fn check_texts<const N: usize>(texts: Texts<'_, N>) -> Result<(), Error> {
    texts.into_iter().try_for_each(|(field, text)| text.map_or(Ok(()), |text| check_text(field, text)))
}

fn bytes_of<const N: usize>(texts: Texts<'_, N>) -> usize {
    texts.into_iter().filter_map(|(_, text)| text).map(str::len).sum()
}

/// The beginning of PostgreSQL's calendar: Julian day 0, in 4714 BC. chrono's calendar begins earlier, and ends before
/// PostgreSQL's.
const EARLIEST: DateTime<Utc> = DateTime::from_timestamp(-210_866_803_200, 0).expect("chrono holds Julian day 0");

fn check_time(field: &str, time: Option<DateTime<Utc>>) -> Result<(), Error> {
    match time {
        Some(time) if time < EARLIEST => {
            Err(Error::invalid_input(field, "is before -4713-11-24, where PostgreSQL's calendar begins"))
        }
        _ => Ok(()),
    }
}

/// Checks each element of a batch. An error names the element by its index.
fn check_batch<T>(name: &str, batch: &[T], check: impl Fn(&T) -> Result<(), Error>) -> Result<(), Error> {
    batch
        .iter()
        .enumerate()
        .try_for_each(|(index, element)| check(element).map_err(|error| error.in_element(name, index)))
}

/// Refuses channels that cannot be stored. The error names the channel's index and the field.
fn check_channels(channels: &[ChannelSnapshot], limits: &Limits) -> Result<(), Error> {
    check_batch("channels", channels, |channel| {
        check_texts(channel_texts(channel))?;
        channel
            .settings_overrides
            .as_ref()
            .map_or(Ok(()), |overrides| overrides.check("settings_overrides", limits.settings_bytes))
    })
}

fn check_settings(client: &impl Client, field: &'static str, settings: &Settings) -> Result<(), Error> {
    settings.check(field, client.limits().settings_bytes)
}

/// Without the overrides: they are checked as JSON.
fn channel_texts(channel: &ChannelSnapshot) -> Texts<'_, 2> {
    let ChannelSnapshot { id: _, name, kind, is_nsfw: _, settings_overrides: _ } = channel;
    [("name", name.as_deref()), ("kind", kind.as_deref())]
}

fn channel_bytes(channel: &ChannelSnapshot) -> usize {
    let overrides = channel.settings_overrides.as_ref().map_or(0, |overrides| overrides.as_str().len());
    ID + bytes_of(channel_texts(channel)) + overrides
}

/// Writes a guild's channels, and the guild itself if it is given.
async fn write_channels(
    client: &impl GenericClient,
    guild_id: GuildId,
    guild: Option<&GuildSnapshot>,
    part: Part<'_, ChannelSnapshot>,
) -> Result<u64, Error> {
    let key = |channel: &ChannelSnapshot| channel.id.get();
    let mut channels = part.in_key_order(key);
    let merged = merged_overrides(&channels);
    parts::keep_last(&mut channels, key);
    let channel_ids = IterSql(|| channels.iter().map(|channel| channel.id));
    let channel_names = IterSql(|| channels.iter().map(|channel| channel.name.as_deref()));
    let channel_types = IterSql(|| channels.iter().map(|channel| channel.kind.as_deref()));
    let channel_nsfws = IterSql(|| channels.iter().map(|channel| channel.is_nsfw));
    let channel_overrides =
        IterSql(|| channels.iter().map(|channel| merged.get(&channel.id).or(channel.settings_overrides.as_ref())));
    if let Some(guild) = guild {
        let params = SyncGuildParams {
            guild_id,
            name: guild.name.as_str(),
            icon: guild.icon.as_deref(),
            owner_user_id: guild.owner_user_id,
            joined_at: guild.joined_at,
            channel_ids,
            channel_names,
            channel_types,
            channel_nsfws,
            channel_overrides,
        };
        sync_guild_query().params(client, &params).one().await?;
    } else {
        let params = UpsertChannelsForGuildParams {
            guild_id,
            channel_ids,
            channel_names,
            channel_types,
            channel_nsfws,
            channel_overrides,
        };
        channels_query().params(client, &params).one().await?;
    }
    Ok(channels.len() as u64)
}

/// The overrides of channels that come several times, merged in their order. Merging them in SQL made every batch slower,
/// with duplicates or without.
fn merged_overrides(sorted: &[&ChannelSnapshot]) -> BTreeMap<ChannelId, Settings> {
    let of_one = sorted.chunk_by(|one, other| one.id == other.id).filter(|of_one| of_one.len() > 1);
    let merged = |of_one: &[&ChannelSnapshot]| {
        let overrides = of_one.iter().filter_map(|channel| channel.settings_overrides.as_ref());
        Some((of_one.first()?.id, Settings::merged(overrides)?))
    };
    of_one.filter_map(merged).collect()
}

/// A number as PostgreSQL's `bigint`.
fn bigint(field: &str, number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::invalid_input(field, format!("is {number}, over 9223372036854775807")))
}

fn check_duration(field: &str, duration: Duration) -> Result<(), Error> {
    if duration <= CENTURY { Ok(()) } else { Err(Error::invalid_input(field, "is over 100 years")) }
}

/// Parses a stored id. Older programs, or people, may have stored other text.
fn stored<T: FromStr<Err = Error>>(column: &str, row: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| Error::unreadable_row(format!("{column} of row {row:?}"), error))
}

/// Whether a write has found its row. It returns none: the server would put it into a tuplestore first, a tenth of the whole call.
fn wrote(rows: impl Future<Output = Result<u64, PgError>>) -> impl Future<Output = Result<bool, Error>> {
    rows.map(|rows| Ok(rows? > 0))
}

/// Whether a write has found its row, which it returns.
fn found<T>(row: impl Future<Output = Result<Option<T>, PgError>>) -> impl Future<Output = Result<bool, Error>> {
    row.map(|row| Ok(row?.is_some()))
}

/// Collects the rows of a list that can be read.
async fn readable<T>(
    function: &'static str,
    list: impl Stream<Item = Result<Result<T, Error>, PgError>>,
) -> Result<Vec<T>, Error> {
    let mut skipped = SkippedRows::of(function);
    let rows = list.map(|row| row.map_err(Error::from).flatten());
    let readable = rows.filter_map(|row| ready(skipped.filter(row))).try_collect().await;
    skipped.report();
    readable
}

/// The result of `count(*)`, which is never negative.
fn rows(count: i64) -> u64 {
    count.unsigned_abs()
}
