//! The facade: one function for each query, under the name that the Python `repositories` module gave it.
//!
//! A function's name is the name of its query in `queries/`, one file an aggregate. Each runs on a [`Db`](crate::Db) (one
//! call, one commit), on a connection, or inside a [`Transaction`](crate::Transaction).
//!
//! - Counters, cursors and merges are computed in SQL: concurrent calls lose nothing.
//! - A batch is atomic. Of duplicates in it the last one wins, "rows written" counts distinct keys, and an empty batch is
//!   no round trip.
//! - A batch of more than 10,000 rows is sent in parts of at most so many, in one transaction, so that memory does not grow
//!   with it; `DB_STATEMENT_TIMEOUT` counts for each part. In two cases it is one statement, however large: on a connection
//!   that is in no transaction, where only the caller may begin one, and [`delete_guilds`], which has nothing but ids to
//!   send.
//! - Reads of one row by key that several tasks make on a `Db` travel together, on connections of the pool that they share.
//! - Time is the database's clock.
//! - What PostgreSQL cannot store is refused before anything is sent ([`ErrorKind::InvalidInput`]): text and JSON that hold
//!   U+0000, JSON as [`Settings`] says, and times before its calendar (4714 BC).
//! - A batch of more than `DB_MAX_BATCH_BYTES` and settings of more than `DB_MAX_SETTINGS_BYTES` are refused, too.
//! - A call whose future is dropped is canceled on the server, if it has a connection of its own.
//! - What a function *needs* are rights of its role: `docs/PRIVILEGES.md` has all of them, and roles for bot and worker.
//!
//! # When the connection breaks
//! A read on a [`Db`](crate::Db) is made again, once, on another connection; that one waits for a server that is starting or
//! failing over, `DB_CONNECT_TIMEOUT` at most. So is a write whose documentation says *idempotent*: repeated, it stores and
//! answers the same. (If somebody else has written the row in between, that is overwritten, as if the call had come later.)
//! Any other write fails with [`ErrorKind::OutcomeUnknown`] if it was on its way, and with [`ErrorKind::Connection`] if it was not,
//! so that nothing was stored. On a connection or a transaction of the caller's nothing is made again; what was done in a
//! transaction is not stored before its commit.
//!
//! # Errors
//! Beside what a function lists, each may fail with [`ErrorKind::Connection`], [`ErrorKind::ConnectTimeout`],
//! [`ErrorKind::PoolTimeout`], [`ErrorKind::Closed`], [`ErrorKind::Canceled`], [`ErrorKind::Conflict`] and [`ErrorKind::Database`]; each that
//! reads rows with [`ErrorKind::UnreadableRow`]; each that writes with [`ErrorKind::OutcomeUnknown`] and [`ErrorKind::ReadOnly`].

/// A kind of call by its name and its SQL verb. The keys of its metrics are made at compile time.
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

/// Runs a call on a lease, and once more on another if the connection breaks and that does no harm.
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
            let result = attempt.run(async { $call }).await;
            if let Some(result) = attempts.outcome(&attempt, result) {
                break result;
            }
        }
    }};
}

/// Runs a read of any number of rows.
macro_rules! fetch {
    ($client:expr, |$on:ident| $call:expr) => {
        attempts!($client, $crate::pool::attempt::Attempts::of($client, $crate::pool::attempt::CallKind::Read), |$on| {
            $call
        })
    };
}

/// Runs a write that may be sent again: it writes and answers the same.
macro_rules! idempotent {
    ($client:expr, |$on:ident| $call:expr) => {
        attempts!(
            $client,
            $crate::pool::attempt::Attempts::of($client, $crate::pool::attempt::CallKind::Idempotent),
            |$on| $call
        )
    };
}

/// Runs a write that must not be sent again.
macro_rules! once {
    ($client:expr, |$on:ident| $call:expr) => {
        attempts!($client, $crate::pool::attempt::Attempts::of($client, $crate::pool::attempt::CallKind::Once), |$on| {
            $call
        })
    };
}

/// Runs a read of one row by its key: on a connection that such reads share, if there is one and it gives an answer, else
/// on a lease.
macro_rules! read {
    ($client:expr, |$on:ident| $query:expr) => {{
        let shared = match $client.db() {
            Some(db) => db.share().await?,
            None => None,
        };
        let answer = match &shared {
            Some(shared) => {
                let $on = shared.session();
                shared.run(std::pin::pin!(async { $query })).await
            }
            None => None,
        };
        let attempts = if shared.is_some() {
            $crate::pool::attempt::Attempts::last()
        } else {
            $crate::pool::attempt::Attempts::of($client, $crate::pool::attempt::CallKind::Read)
        };
        match answer {
            Some(result) => result,
            None => {
                drop(shared);
                attempts!($client, attempts, |$on| $query)
            }
        }
    }};
}

mod channels;
mod guild_settings;
mod guilds;
mod install_intents;
mod parts;
mod scan_runs;
mod users;

pub use channels::*;
pub use guild_settings::*;
pub use guilds::*;
pub use install_intents::*;
pub use scan_runs::*;
pub use users::*;

use std::future::{Future, ready};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{Stream, TryStreamExt as _};
use tokio_postgres::Error as PgError;

use self::parts::{ID, Part};
use crate::GenericClient;
use crate::codegen::client::Params as _;
use crate::codegen::queries::channels::{UpsertChannelsForGuildParams, upsert_channels_for_guild as upsert_channels};
use crate::codegen::{IterSql, JsonSql, StringSql};
use crate::config::Limits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::{Operation, Rows};
use crate::types::ids::{ChannelId, GuildId, MessageId, UserId};
use crate::types::settings::Settings;
use crate::types::snapshots::ChannelSnapshot;

impl StringSql for ChannelId {}
impl StringSql for GuildId {}
impl StringSql for MessageId {}
impl StringSql for UserId {}
impl JsonSql for Settings {}

/// The longest lifetime or grace: what a `timestamp` can be moved by, and a sane bound.
const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

/// Runs the body of a repository function, seen from outside as one call.
fn call<T: Rows>(
    client: &impl Client,
    operation: &'static Operation,
    body: impl Future<Output = Result<T, Error>>,
) -> impl Future<Output = Result<T, Error>> {
    operation.observe(client.limits().slow_query, body)
}

/// PostgreSQL's text holds every character but one.
fn check_text(field: &str, text: &str) -> Result<(), Error> {
    match text.find('\0') {
        None => Ok(()),
        Some(place) => {
            let reason = format!("holds U+0000 (at byte {place}), which PostgreSQL cannot store");
            Err(Error::invalid_input(field, reason))
        }
    }
}

/// The texts of a snapshot, each with its field's name. Whoever lists them takes the snapshot apart, so that a new field does
/// not compile until it is in the list or left out on purpose.
type Texts<'a, const N: usize> = [(&'static str, Option<&'a str>); N];

fn check_texts<const N: usize>(texts: Texts<'_, N>) -> Result<(), Error> {
    texts.into_iter().try_for_each(|(field, text)| text.map_or(Ok(()), |text| check_text(field, text)))
}

fn bytes_of<const N: usize>(texts: Texts<'_, N>) -> usize {
    texts.into_iter().filter_map(|(_, text)| text).map(str::len).sum()
}

/// PostgreSQL's calendar begins with Julian day 0, in the year 4714 BC; chrono's begins long before that, and PostgreSQL's
/// ends after chrono's.
const EARLIEST: DateTime<Utc> = DateTime::from_timestamp(-210_866_803_200, 0).expect("chrono holds Julian day 0");

fn check_time(field: &str, time: Option<DateTime<Utc>>) -> Result<(), Error> {
    match time {
        Some(time) if time < EARLIEST => {
            Err(Error::invalid_input(field, "is before -4713-11-24, where PostgreSQL's calendar begins"))
        }
        _ => Ok(()),
    }
}

/// Checks each element of a batch; an error names the element by its place.
fn check_batch<T>(name: &str, batch: &[T], check: impl Fn(&T) -> Result<(), Error>) -> Result<(), Error> {
    batch
        .iter()
        .enumerate()
        .try_for_each(|(place, element)| check(element).map_err(|error| error.in_element(name, place)))
}

/// Refuses what cannot be stored, naming the channel's place and the field.
fn check_channels(channels: &[ChannelSnapshot], limits: &Limits) -> Result<(), Error> {
    check_batch("channels", channels, |channel| {
        check_texts(channel_texts(channel))?;
        channel
            .settings_overrides
            .as_ref()
            .map_or(Ok(()), |overrides| overrides.check("settings_overrides", limits.settings_bytes))
    })
}

/// Without the overrides, which are checked as JSON.
fn channel_texts(channel: &ChannelSnapshot) -> Texts<'_, 2> {
    let ChannelSnapshot { id: _, name, kind, is_nsfw: _, settings_overrides: _ } = channel;
    [("name", name.as_deref()), ("kind", kind.as_deref())]
}

fn channel_bytes(channel: &ChannelSnapshot) -> usize {
    let overrides = channel.settings_overrides.as_ref().map_or(0, |overrides| overrides.as_str().len());
    ID + bytes_of(channel_texts(channel)) + overrides
}

/// A guild's channels, as `upsert_channels_for_guild` and the later parts of `sync_guild` write them.
async fn write_channels(
    client: &impl GenericClient,
    guild_id: GuildId,
    part: Part<'_, ChannelSnapshot>,
) -> Result<u64, Error> {
    let params = UpsertChannelsForGuildParams {
        guild_id,
        channel_ids: IterSql(|| part.iter().map(|channel| channel.id)),
        names: IterSql(|| part.iter().map(|channel| channel.name.as_deref())),
        types: IterSql(|| part.iter().map(|channel| channel.kind.as_deref())),
        nsfws: IterSql(|| part.iter().map(|channel| channel.is_nsfw)),
        overrides: IterSql(|| part.iter().map(|channel| channel.settings_overrides.as_ref())),
    };
    Ok(rows(upsert_channels().params(client, &params).one().await?))
}

fn seconds(field: &str, duration: Duration) -> Result<f64, Error> {
    if duration <= CENTURY { Ok(duration.as_secs_f64()) } else { Err(Error::invalid_input(field, "is over 100 years")) }
}

/// An id as it is stored; older programs and hands may have left other text.
fn stored<T: FromStr<Err = Error>>(column: &str, row: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| Error::unreadable_row(format!("{column} of row {row:?}"), error))
}

/// The rows of a list; the first that cannot be read fails it.
async fn collect<T>(list: impl Stream<Item = Result<Result<T, Error>, PgError>>) -> Result<Vec<T>, Error> {
    list.map_err(Error::from).and_then(ready).try_collect().await
}

/// What `count(*)` gives.
fn rows(count: i64) -> u64 {
    count.unsigned_abs()
}
