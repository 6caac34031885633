//! Coverage: what of a channel has been read, as intervals of message ids. A message counts once, when its id is covered for the
//! first time, however many runs, workers, repeats or live events see it.

use std::collections::{BTreeMap, BTreeSet};

use metrics::counter;

use super::parts::{ID, check_bytes};
use super::{bigint, check_batch, check_texts, rows};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::client::Params as _;
use crate::codegen::queries::scan_pages::{self as queries, RecordScanPageParams, ScanIntervalRow, ScanPageRow};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows;
use crate::types::ids::{ChannelId, MessageId};
use crate::types::models::ScanProgress;
use crate::types::pages::{
    Attachment, ClipAuthor, ClipMessage, LiveMessagesRecorded, MessageInterval, PageRecorded, RecordedScanPage,
    ScanPage,
};
use crate::types::scans::ScanClaim;

/// The most messages of a page.
const MAX_PAGE_MESSAGES: usize = 1_000;

/// The page's new messages.
impl Rows for RecordedScanPage {
    fn rows(&self) -> u64 {
        match self {
            Self::Recorded(recorded) => recorded.new_messages,
            Self::Lost => 0,
        }
    }
}

impl From<ScanIntervalRow> for MessageInterval {
    fn from(row: ScanIntervalRow) -> Self {
        let ScanIntervalRow { first, last } = row;
        Self { first: first.cast_unsigned().into(), last: last.cast_unsigned().into() }
    }
}

/// Records a page of a claimed run: stores its clips with their messages and authors, adds its interval to the channel's
/// coverage, and adds to the counters of the run and of the channel those of its messages that were not covered before. All of
/// this in one commit, or nothing if the claim is [lost](RecordedScanPage::Lost).
///
/// Pages may come in any order and direction, overlap, and be repeated. The channel's cursor becomes the end of the interval
/// that begins with 0: it never moves back, and never passes a gap. Of two URLs of a clip the one that expires later stays. What
/// [`delete_messages`](super::delete_messages) has removed does not come back.
///
/// In a transaction, call it before other writes to the same channel: else it may deadlock with a worker's page.
///
/// Idempotent.
///
/// A page that was sent again counts nothing the second time: then `new_messages` is 0, although the call has counted.
///
/// The metrics `clip_saver.pages`, `clip_saver.messages` and `clip_saver.clips` count pages, and new messages and clips.
///
/// Needs: select, update on `bot_guilds`; select, update on `bot_channels`; select, update on `bot_channel_scan_runs`; select,
/// insert, update on `bot_channel_coverage`; select, insert, update on `bot_clip_messages`; select, insert, update on
/// `bot_clips`; select, insert, update on `bot_authors`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for more than 1,000 messages, a message outside of `covered`, a clip whose message is not on the
/// page, a number over 2⁶³−1 (width and height: 2³¹−1), a duration that is not a number, and U+0000; else see the
/// [module](super#errors).
pub async fn record_scan_page(
    client: &impl Client,
    claim: &ScanClaim,
    page: &ScanPage,
) -> Result<RecordedScanPage, Error> {
    idempotent!(
        client,
        "record_scan_page",
        "UPDATE",
        || check_page(page),
        || check_bytes("page", bytes(page), client.limits()),
        |on| {
            let row = record(on, claim.channel_id, Some(claim), &[page.covered], page).await?;
            if !row.holds_claim {
                return Ok(RecordedScanPage::Lost);
            }
            counter!("clip_saver.pages").increment(1);
            count_new(&row);
            Ok(RecordedScanPage::Recorded(row.into()))
        }
    )
}

/// Records messages that came by the gateway. `None` if the channel is not stored.
///
/// `since` is the last message that this unbroken session has seen in the channel. Then everything after it, up to the page's
/// last message, is covered. Without it only the messages themselves are: what came before may not have been read, and stays a
/// gap. The page's `covered` counts for nothing else. Counters, clips, deletions, the cursor and the metrics of messages and
/// clips are as in [`record_scan_page`].
///
/// In a transaction, call it before other writes to the same channel: else it may deadlock with a worker's page.
///
/// Idempotent.
///
/// Messages that were sent again count nothing the second time: then `new_messages` is 0, although the call has counted.
///
/// Needs: select, update on `bot_guilds`; select, update on `bot_channels`; select, update on `bot_channel_scan_runs`; select,
/// insert, update on `bot_channel_coverage`; select, insert, update on `bot_clip_messages`; select, insert, update on
/// `bot_clips`; select, insert, update on `bot_authors`.
///
/// # Errors
/// See [`record_scan_page`]; also [`ErrorKind::InvalidInput`] if `since` is later than the page's last message.
pub async fn record_live_messages(
    client: &impl Client,
    channel_id: ChannelId,
    since: Option<MessageId>,
    page: &ScanPage,
) -> Result<Option<LiveMessagesRecorded>, Error> {
    idempotent!(
        client,
        "record_live_messages",
        "UPDATE",
        || check_page(page),
        || check_since(since, page),
        || check_bytes("page", bytes(page), client.limits()),
        |on| {
            let row = record(on, channel_id, None, &live_intervals(since, page), page).await?;
            count_new(&row);
            Ok(row
                .has_channel
                .then(|| LiveMessagesRecorded { new_messages: rows(row.new_messages), new_clips: rows(row.new_clips) }))
        }
    )
}

/// Returns what of a channel was read, ascending; nothing if the channel is not stored.
///
/// Needs: select on `bot_channels`; select on `bot_channel_coverage`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_scan_coverage(client: &impl Client, channel_id: ChannelId) -> Result<Vec<MessageInterval>, Error> {
    fetch!(client, "get_scan_coverage", |on| {
        Ok(queries::get_scan_coverage().bind(on, &channel_id).map(MessageInterval::from).all().await?)
    })
}

/// Returns what of a channel was not read, from 0 to `up_to` (included), ascending; nothing if the channel is not stored.
///
/// Needs: select on `bot_channels`; select on `bot_channel_coverage`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `up_to` is over 2⁶³−1; else see the [module](super#errors).
pub async fn get_scan_gaps(
    client: &impl Client,
    channel_id: ChannelId,
    up_to: MessageId,
) -> Result<Vec<MessageInterval>, Error> {
    fetch!(client, "get_scan_gaps", || bigint("up_to", up_to.get()).map(drop), |on| {
        let up_to = up_to.get().cast_signed();
        Ok(queries::get_scan_gaps().bind(on, &up_to, &channel_id).map(MessageInterval::from).all().await?)
    })
}

impl From<ScanPageRow> for PageRecorded {
    fn from(row: ScanPageRow) -> Self {
        Self {
            new_messages: rows(row.new_messages),
            new_clips: rows(row.new_clips),
            progress: ScanProgress {
                messages_scanned: row.messages_scanned.unwrap_or_default(),
                messages_matched: row.messages_matched.unwrap_or_default(),
            },
            is_cancel_requested: row.is_cancel_requested.unwrap_or_default(),
        }
    }
}

/// Sends the statement. A channel that has no coverage yet gets an empty one first, and the statement is sent again.
async fn record(
    client: &impl GenericClient,
    channel_id: ChannelId,
    claim: Option<&ScanClaim>,
    intervals: &[MessageInterval],
    page: &ScanPage,
) -> Result<ScanPageRow, Error> {
    let content = Content::of(page);
    let row = content.send(client, channel_id, claim, intervals).await?;
    let may_be_stored = row.has_channel && (claim.is_none() || row.holds_claim);
    if row.has_coverage || !may_be_stored {
        return Ok(row);
    }
    queries::create_scan_coverage().bind(client, &channel_id).opt().await?;
    content.send(client, channel_id, claim, intervals).await
}

/// Adds to the metrics what a page or live messages have brought, also if the caller's transaction does not commit.
fn count_new(row: &ScanPageRow) {
    counter!("clip_saver.messages").increment(rows(row.new_messages));
    counter!("clip_saver.clips").increment(rows(row.new_clips));
}

/// What a page holds: everything by its key, in order, and once. The last of several counts.
struct Content<'a> {
    messages: BTreeSet<MessageId>,
    clips: BTreeMap<MessageId, &'a ClipMessage>,
    authors: BTreeMap<i64, &'a ClipAuthor>,
    attachments: BTreeMap<i64, (MessageId, &'a Attachment)>,
}

impl<'a> Content<'a> {
    fn of(page: &'a ScanPage) -> Self {
        let clips: BTreeMap<_, _> = page.clips.iter().map(|clip| (clip.id, clip)).collect();
        let attachments = clips.values().flat_map(|clip| {
            clip.attachments.iter().map(|attachment| (attachment.id.get().cast_signed(), (clip.id, attachment)))
        });
        Self {
            messages: page.messages.iter().copied().collect(),
            authors: page.clips.iter().map(|clip| (clip.author.id.get().cast_signed(), &clip.author)).collect(),
            attachments: attachments.collect(),
            clips,
        }
    }

    async fn send(
        &self,
        client: &impl GenericClient,
        channel_id: ChannelId,
        claim: Option<&ScanClaim>,
        intervals: &[MessageInterval],
    ) -> Result<ScanPageRow, Error> {
        let Self { messages, clips, authors, attachments } = self;
        let of_attachments = || attachments.values().map(|(_, attachment)| *attachment);
        let params = RecordScanPageParams {
            channel_id,
            run_id: claim.map(|claim| claim.run_id.get()),
            token: claim.map(|claim| claim.token),
            firsts: IterSql(|| intervals.iter().map(|interval| interval.first.get().cast_signed())),
            lasts: IterSql(|| intervals.iter().map(|interval| interval.last.get().cast_signed())),
            message_ids: IterSql(|| messages.iter().map(|id| id.get().cast_signed())),
            have_clips: IterSql(|| messages.iter().map(|id| clips.contains_key(id))),
            author_ids: IterSql(|| authors.keys().copied()),
            author_names: IterSql(|| authors.values().map(|author| author.name.as_str())),
            author_display_names: IterSql(|| authors.values().map(|author| author.display_name.as_deref())),
            author_avatars: IterSql(|| authors.values().map(|author| author.avatar.as_deref())),
            clip_message_ids: IterSql(|| clips.keys().map(|id| id.get().cast_signed())),
            clip_author_ids: IterSql(|| clips.values().map(|clip| clip.author.id.get().cast_signed())),
            attachment_ids: IterSql(|| attachments.keys().copied()),
            attachment_message_ids: IterSql(|| attachments.values().map(|(message, _)| message.get().cast_signed())),
            file_names: IterSql(|| of_attachments().map(|attachment| attachment.file_name.as_str())),
            content_types: IterSql(|| of_attachments().map(|attachment| attachment.content_type.as_deref())),
            sizes: IterSql(|| of_attachments().map(|attachment| attachment.size.cast_signed())),
            durations: IterSql(|| of_attachments().map(|attachment| attachment.duration_seconds)),
            widths: IterSql(|| of_attachments().map(|attachment| attachment.width.map(u32::cast_signed))),
            heights: IterSql(|| of_attachments().map(|attachment| attachment.height.map(u32::cast_signed))),
            urls: IterSql(|| of_attachments().map(|attachment| attachment.url.as_str())),
            url_expiries: IterSql(|| of_attachments().map(Attachment::url_expires_at)),
        };
        Ok(queries::record_scan_page().params(client, &params).one().await?)
    }
}

/// What live messages prove to be read: themselves, and everything after the last one that the session saw.
fn live_intervals(since: Option<MessageId>, page: &ScanPage) -> Vec<MessageInterval> {
    let after_since = since.zip(page.messages.iter().max()).filter(|(since, last)| since < last);
    let unbroken = after_since.map(|(since, last)| MessageInterval::new((since.get() + 1).into(), *last));
    page.messages.iter().map(|id| MessageInterval::new(*id, *id)).chain(unbroken).collect()
}

fn check_since(since: Option<MessageId>, page: &ScanPage) -> Result<(), Error> {
    match since.zip(page.messages.iter().max()) {
        Some((since, last)) if since > *last => {
            Err(Error::invalid_input("since", format!("is {since}, later than the page's last message {last}")))
        }
        _ => Ok(()),
    }
}

fn check_page(page: &ScanPage) -> Result<(), Error> {
    let ScanPage { covered, messages, clips } = page;
    bigint("covered.last", covered.last.get())?;
    if covered.first > covered.last {
        return Err(Error::invalid_input("covered", format!("begins behind its end: {covered}")));
    }
    if messages.len() > MAX_PAGE_MESSAGES {
        let reason = format!("has {} messages, over the limit of {MAX_PAGE_MESSAGES}", messages.len());
        return Err(Error::invalid_input("messages", reason));
    }
    if let Some(outside) = messages.iter().find(|id| !covered.contains(**id)) {
        return Err(Error::invalid_input("messages", format!("holds {outside}, which `covered` {covered} does not")));
    }
    let ids: BTreeSet<_> = messages.iter().collect();
    check_batch("clips", clips, |clip| check_clip(clip, &ids))
}

fn check_clip(clip: &ClipMessage, messages: &BTreeSet<&MessageId>) -> Result<(), Error> {
    let ClipMessage { id, author, attachments } = clip;
    if !messages.contains(id) {
        return Err(Error::invalid_input("id", format!("is {id}, a message that is not on the page")));
    }
    let ClipAuthor { id, name, display_name, avatar } = author;
    bigint("author.id", id.get())?;
    check_texts([
        ("author.name", Some(name.as_str())),
        ("author.display_name", display_name.as_deref()),
        ("author.avatar", avatar.as_deref()),
    ])?;
    check_batch("attachments", attachments, check_attachment)
}

fn check_attachment(attachment: &Attachment) -> Result<(), Error> {
    let Attachment { id, file_name, content_type, size, duration_seconds, width, height, url } = attachment;
    bigint("id", id.get())?;
    bigint("size", *size)?;
    for (field, pixels) in [("width", width), ("height", height)] {
        if pixels.is_some_and(|pixels| i32::try_from(pixels).is_err()) {
            return Err(Error::invalid_input(field, "is over 2147483647"));
        }
    }
    if duration_seconds.is_some_and(|seconds| !seconds.is_finite()) {
        return Err(Error::invalid_input("duration_seconds", "is not a finite number"));
    }
    check_texts([
        ("file_name", Some(file_name.as_str())),
        ("content_type", content_type.as_deref()),
        ("url", Some(url.as_str())),
    ])
}

/// The lengths of a page's messages.
fn bytes(page: &ScanPage) -> impl Iterator<Item = usize> {
    let of_attachment = |attachment: &Attachment| {
        let content_type = attachment.content_type.as_ref().map_or(0, String::len);
        ID + attachment.file_name.len() + content_type + attachment.url.len()
    };
    page.clips.iter().map(move |clip| {
        let ClipAuthor { id: _, name, display_name, avatar } = &clip.author;
        let optional = [display_name, avatar].into_iter().flatten().map(String::len).sum::<usize>();
        ID + name.len() + optional + clip.attachments.iter().map(of_attachment).sum::<usize>()
    })
}
