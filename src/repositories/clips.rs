//! Clips: the video attachments of messages. [`record_scan_page`](super::record_scan_page) and
//! [`record_live_messages`](super::record_live_messages) store them.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::stream;

use super::parts::check_bytes;
use super::{bigint, check_duration, check_text, found, rows, stored};
use crate::codegen::IterSql;
use crate::codegen::queries::clips::{self as queries, ClipRowBorrowed};
use crate::codegen::queries::scan_pages::create_scan_coverage;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows;
use crate::types::clips::{Clip, ClipFilter, ClipKey, ClipPage};
use crate::types::ids::{AttachmentId, ChannelId, MessageId, UserId};
use crate::types::pages::{ClipAuthor, url_expires_at};

/// The clips of a page.
impl Rows for ClipPage {
    fn rows(&self) -> u64 {
        self.clips.rows()
    }
}

impl TryFrom<ClipRowBorrowed<'_>> for Clip {
    type Error = Error;

    fn try_from(row: ClipRowBorrowed<'_>) -> Result<Self, Error> {
        let key = row.attachment_id.to_string();
        let mut author = ClipAuthor::new(row.author_id.cast_unsigned().into(), row.author_name);
        author.display_name = row.author_display_name.map(Into::into);
        author.avatar = row.author_avatar.map(Into::into);
        Ok(Self {
            id: row.attachment_id.cast_unsigned().into(),
            message_id: row.message_id.cast_unsigned().into(),
            channel_id: stored("bot_clips.channel_id", &key, row.channel_id)?,
            guild_id: stored("bot_clips.guild_id", &key, row.guild_id)?,
            author,
            file_name: row.file_name.into(),
            content_type: row.content_type.map(Into::into),
            size: row.size.cast_unsigned(),
            duration_seconds: row.duration_seconds,
            width: row.width.map(i32::cast_unsigned),
            height: row.height.map(i32::cast_unsigned),
            url: row.url.into(),
            url_expires_at: row.url_expires_at,
            first_seen_at: row.first_seen_at,
        })
    }
}

/// Returns a page of a guild's clips: at most `limit`, newest first; clips of one message by the attachments' ids, the largest
/// first. Pass the [`next`](ClipPage::next) of one page as `after` to get the page behind it: no clip comes twice, and none is
/// left out, also if others are stored meanwhile. Leaves out rows that cannot be read, and
/// [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_clips`; select on `bot_authors`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `limit` is 0 or the author's id is over 2⁶³−1; else see the [module](super#errors).
pub async fn get_clips(
    client: &impl Client,
    filter: &ClipFilter,
    after: Option<ClipKey>,
    limit: u32,
) -> Result<ClipPage, Error> {
    fetch!(client, "get_clips", || check_filter(filter), || check_page_limit(limit), |on| {
        let ClipFilter { guild_id, channel_id, author_id, .. } = *filter;
        let (first, last) = message_ids(filter);
        let (message, attachment) = after.map_or((i64::MAX, i64::MAX), behind);
        let author = author_id.map(author_key);
        let most = i64::from(limit);
        macro_rules! list {
            ($query:ident $(, $key:expr)*) => {{
                let query = queries::$query();
                let query = query.bind(on, &guild_id, $($key,)* &first, &last, &message, &attachment, &most);
                query.map(|row| (key(&row), Clip::try_from(row))).all().await?
            }};
        }
        let found = match (&channel_id, &author) {
            (None, None) => list!(get_clips),
            (Some(channel), None) => list!(get_clips_of_channel, channel),
            (None, Some(author)) => list!(get_clips_of_author, author),
            (Some(channel), Some(author)) => list!(get_clips_of_channel_and_author, channel, author),
        };
        let is_full = usize::try_from(limit).is_ok_and(|limit| found.len() >= limit);
        let next = found.last().filter(|_| is_full).map(|(key, _)| *key);
        let clips = super::readable("get_clips", stream::iter(found.into_iter().map(|(_, clip)| Ok(clip)))).await?;
        Ok(ClipPage { clips, next })
    })
}

/// A row's place in a list, also if the rest of it cannot be read.
fn key(row: &ClipRowBorrowed<'_>) -> ClipKey {
    ClipKey {
        message_id: row.message_id.cast_unsigned().into(),
        attachment_id: row.attachment_id.cast_unsigned().into(),
    }
}

/// Counts the clips that [`get_clips`] finds on all pages.
///
/// Needs: select on `bot_clips`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the author's id is over 2⁶³−1; else see the [module](super#errors).
pub async fn count_clips(client: &impl Client, filter: &ClipFilter) -> Result<u64, Error> {
    fetch!(client, "count_clips", || check_filter(filter), |on| {
        let ClipFilter { guild_id, channel_id, author_id, .. } = *filter;
        let (first, last) = message_ids(filter);
        let author = author_id.map(author_key);
        macro_rules! count {
            ($query:ident $(, $key:expr)*) => {
                queries::$query().bind(on, &guild_id, $($key,)* &first, &last).one().await?
            };
        }
        Ok(rows(match (&channel_id, &author) {
            (None, None) => count!(count_clips),
            (Some(channel), None) => count!(count_clips_of_channel, channel),
            (None, Some(author)) => count!(count_clips_of_author, author),
            (Some(channel), Some(author)) => count!(count_clips_of_channel_and_author, channel, author),
        }))
    })
}

/// Returns a clip; `None` if it is not stored, or its message was deleted.
///
/// Needs: select on `bot_clips`; select on `bot_authors`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the id is over 2⁶³−1; else see the [module](super#errors).
pub async fn get_clip(client: &impl Client, attachment_id: AttachmentId) -> Result<Option<Clip>, Error> {
    let key = attachment_id.get().cast_signed();
    read!(client, "get_clip", || bigint("attachment_id", attachment_id.get()).map(drop), |on| queries::get_clip()
        .bind(on, &key)
        .map(|row| Clip::try_from(row)))
}

/// Returns the clips whose URL has expired or expires within this time, at most `limit`, the earliest first. Leaves out rows that
/// cannot be read, and [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_clips`; select on `bot_authors`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `within` is over 100 years; else see the [module](super#errors).
pub async fn get_expiring_clips(client: &impl Client, within: Duration, limit: u32) -> Result<Vec<Clip>, Error> {
    fetch!(client, "get_expiring_clips", || check_duration("within", within), |on| {
        let query = queries::get_expiring_clips();
        let (within, limit) = (within.as_secs_f64(), i64::from(limit));
        let clips = query.bind(on, &within, &limit).map(|row| Clip::try_from(row)).iter().await?;
        super::readable("get_expiring_clips", clips).await
    })
}

/// Stores a clip's new URL if it expires later than the stored one; returns whether it does. The time is in the URL: see
/// [`Attachment::url_expires_at`](crate::Attachment::url_expires_at). A URL without one never replaces another.
///
/// Not idempotent: repeated, it answers `false`.
///
/// Needs: select, update on `bot_clips`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the id is over 2⁶³−1, and for U+0000; else see the [module](super#errors).
pub async fn refresh_clip_url(client: &impl Client, attachment_id: AttachmentId, url: &str) -> Result<bool, Error> {
    once!(
        client,
        "refresh_clip_url",
        "UPDATE",
        || bigint("attachment_id", attachment_id.get()).map(drop),
        || check_text("url", url),
        || check_bytes("url", std::iter::once(url.len()), client.limits()),
        |on| {
            let query = queries::refresh_clip_url();
            let key = attachment_id.get().cast_signed();
            found(query.bind(on, &url, &url_expires_at(url), &key).opt()).await
        }
    )
}

/// Leaves tombstones for deleted messages, also for unknown ones, and returns how many clips were removed. Pages that are
/// recorded later do not bring them back. Messages that had been counted are taken off the channel's message count: those whose
/// ids were covered. An unknown channel has no messages: 0.
///
/// In a transaction, call it before other writes to the same channel: else it may deadlock with a worker's page.
///
/// Idempotent.
///
/// Sent again, it answers how many clips were removed the second time.
///
/// Needs: select, update on `bot_channels`; select, insert, update on `bot_channel_coverage`; select, insert, update on
/// `bot_clip_messages`; select, update on `bot_clips`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if an id is over 2⁶³−1; else see the [module](super#errors).
pub async fn delete_messages(
    client: &impl Client,
    channel_id: ChannelId,
    message_ids: &[MessageId],
) -> Result<u64, Error> {
    if message_ids.is_empty() {
        return Ok(0);
    }
    idempotent!(
        client,
        "delete_messages",
        "UPDATE",
        || message_ids.iter().try_for_each(|id| bigint("message_ids", id.get()).map(drop)),
        |on| {
            let keys: BTreeSet<_> = message_ids.iter().map(|id| id.get().cast_signed()).collect();
            let keys = IterSql(|| keys.iter().copied());
            let mut row = queries::delete_messages().bind(on, &channel_id, &keys).one().await?;
            if row.has_channel && !row.has_coverage {
                create_scan_coverage().bind(on, &channel_id).opt().await?;
                row = queries::delete_messages().bind(on, &channel_id, &keys).one().await?;
            }
            let mut removed = rows(row.removed);
            if row.must_run_again {
                // The tombstones stand now: no page stores another clip of these messages.
                removed += rows(queries::delete_messages().bind(on, &channel_id, &keys).one().await?.removed);
            }
            Ok(removed)
        }
    )
}

fn check_filter(filter: &ClipFilter) -> Result<(), Error> {
    bigint("author_id", filter.author_id.map_or(0, UserId::get)).map(drop)
}

fn check_page_limit(limit: u32) -> Result<(), Error> {
    if limit > 0 { Ok(()) } else { Err(Error::invalid_input("limit", "is 0: a page needs a clip")) }
}

fn author_key(author: UserId) -> i64 {
    author.get().cast_signed()
}

/// The first place behind a clip in its list. An id that cannot be stored comes before all that are.
fn behind(key: ClipKey) -> (i64, i64) {
    let Ok(message) = i64::try_from(key.message_id.get()) else { return (i64::MAX, i64::MAX) };
    match i64::try_from(key.attachment_id.get()) {
        Ok(0) => (message - 1, i64::MAX),
        Ok(attachment) => (message, attachment - 1),
        Err(_) => (message, i64::MAX),
    }
}

/// The first and the last id of the messages in the filter's span of time.
fn message_ids(filter: &ClipFilter) -> (i64, i64) {
    let first = filter.since.map_or(0, first_id_of);
    let end = filter.until.map_or(1 << 63, first_id_of);
    match (i64::try_from(first), end.checked_sub(1)) {
        (Ok(first), Some(last)) => (first, last.cast_signed()),
        _ => (1, 0), // none
    }
}

/// The smallest id of a millisecond: see [`MessageId::created_at`]. 0 before Discord's first, and 2⁶³ after the last that is
/// stored.
fn first_id_of(time: DateTime<Utc>) -> u64 {
    let nanoseconds = time.timestamp_subsec_nanos() % 1_000_000;
    let milliseconds = time.timestamp_millis() + i64::from(nanoseconds > 0);
    let since_epoch = milliseconds.saturating_sub(MessageId::from(0).created_at().timestamp_millis());
    since_epoch.clamp(0, 1 << 41).cast_unsigned() << 22
}
