//! What a worker or the bot has read of a channel: pages of messages with their clips, and intervals of ids.

use std::fmt;

use chrono::{DateTime, Utc};

use super::ids::{AttachmentId, MessageId, UserId};
use super::models::ScanProgress;

/// An interval of message ids. Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageInterval {
    /// The smallest id.
    pub first: MessageId,
    /// The largest id.
    pub last: MessageId,
}

impl MessageInterval {
    /// From `first` to `last`.
    #[must_use]
    pub const fn new(first: MessageId, last: MessageId) -> Self {
        Self { first, last }
    }

    /// Whether the id lies in the interval.
    #[must_use]
    pub fn contains(self, id: MessageId) -> bool {
        self.first <= id && id <= self.last
    }
}

/// As in mathematics: `[1, 5]`.
impl fmt::Display for MessageInterval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}, {}]", self.first, self.last)
    }
}

/// A page of a channel's messages, and what it proves to be read.
///
/// ```
/// use clip_saver_db::{MessageId, ScanPage};
///
/// let ids = [MessageId::from(104), MessageId::from(101)];
/// let page = ScanPage::after(Some(MessageId::from(100)), ids).expect("there are messages");
/// assert_eq!(page.covered.to_string(), "[101, 104]");
///
/// let page = ScanPage::before(MessageId::from(120), ids).expect("there are messages");
/// assert_eq!(page.covered.to_string(), "[101, 119]");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScanPage {
    /// What the page proves to be read: every message of the channel in this interval is on the page. It must not reach beyond
    /// the last message that was seen, because a message may come there later. A page read from the channel's beginning covers
    /// from 0 on.
    pub covered: MessageInterval,
    /// The ids of all its messages, at most 1,000, in any order.
    pub messages: Vec<MessageId>,
    /// Those of its messages that hold clips.
    pub clips: Vec<ClipMessage>,
}

impl ScanPage {
    /// A page without clips.
    pub fn new(covered: MessageInterval, messages: impl IntoIterator<Item = MessageId>) -> Self {
        Self { covered, messages: messages.into_iter().collect(), clips: Vec::new() }
    }

    /// The page that Discord returned for the messages after one (`None`: from the channel's beginning). It covers everything up
    /// to its last message. `None` if it has no messages, and so proves nothing.
    pub fn after(after: Option<MessageId>, messages: impl IntoIterator<Item = MessageId>) -> Option<Self> {
        let messages: Vec<_> = messages.into_iter().collect();
        let last = *messages.iter().max()?;
        let first = after.map_or(0, |after| after.get().saturating_add(1));
        Some(Self::new(MessageInterval::new(first.into(), last), messages))
    }

    /// The page that Discord returned for the messages before one that was seen. It covers everything from its first message on.
    /// `None` if it has no messages: then nothing is there, and the whole gap may be recorded as read.
    pub fn before(before: MessageId, messages: impl IntoIterator<Item = MessageId>) -> Option<Self> {
        let messages: Vec<_> = messages.into_iter().collect();
        let first = *messages.iter().min()?;
        let last = before.get().saturating_sub(1);
        Some(Self::new(MessageInterval::new(first, last.into()), messages))
    }

    /// A message that came by the gateway, for `record_live_messages`.
    #[must_use]
    pub fn live(message: MessageId) -> Self {
        Self::new(MessageInterval::new(message, message), [message])
    }

    /// Sets the messages that hold clips.
    #[must_use]
    pub fn with_clips(mut self, clips: impl Into<Vec<ClipMessage>>) -> Self {
        self.clips = clips.into();
        self
    }
}

/// A message that holds clips.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClipMessage {
    /// The message.
    pub id: MessageId,
    /// Who wrote it.
    pub author: ClipAuthor,
    /// Its clips.
    pub attachments: Vec<Attachment>,
}

impl ClipMessage {
    /// A message with its clips.
    pub fn new(id: MessageId, author: ClipAuthor, attachments: impl Into<Vec<Attachment>>) -> Self {
        Self { id, author, attachments: attachments.into() }
    }
}

/// The author of a message with clips, as Discord shows them in the guild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClipAuthor {
    /// The user.
    pub id: UserId,
    /// The account's name.
    pub name: String,
    /// The display name.
    pub display_name: Option<String>,
    /// The hash of the avatar.
    pub avatar: Option<String>,
}

impl ClipAuthor {
    /// An author without display name and avatar.
    pub fn new(id: UserId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), display_name: None, avatar: None }
    }
}

/// A clip: an attachment as Discord shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Attachment {
    /// The attachment.
    pub id: AttachmentId,
    /// Its file's name.
    pub file_name: String,
    /// Its media type, such as `video/mp4`.
    pub content_type: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// How long it plays, in seconds.
    pub duration_seconds: Option<f64>,
    /// Its width in pixels.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
    /// Where Discord serves it.
    pub url: String,
}

impl Attachment {
    /// An attachment without media type, duration, width and height.
    pub fn new(id: AttachmentId, file_name: impl Into<String>, size: u64, url: impl Into<String>) -> Self {
        Self {
            id,
            file_name: file_name.into(),
            content_type: None,
            size,
            duration_seconds: None,
            width: None,
            height: None,
            url: url.into(),
        }
    }

    /// When its URL expires; `None` if the URL does not say.
    #[must_use]
    pub fn url_expires_at(&self) -> Option<DateTime<Utc>> {
        url_expires_at(&self.url)
    }
}

/// When a signed URL of Discord expires: its parameter `ex` holds the seconds since 1970, in hexadecimal digits.
/// <https://discord.com/developers/docs/reference#signed-attachment-cdn-urls>
pub(crate) fn url_expires_at(url: &str) -> Option<DateTime<Utc>> {
    let (_, query) = url.split('#').next()?.split_once('?')?;
    let seconds = query.split('&').find_map(|parameter| parameter.strip_prefix("ex="))?;
    let are_digits = seconds.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seconds = are_digits.then(|| i64::from_str_radix(seconds, 16).ok())??;
    DateTime::from_timestamp(seconds, 0).filter(|time| *time <= LATEST_EXPIRY)
}

/// The year 9999 ends. A URL that names a later time is not Discord's.
const LATEST_EXPIRY: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("chrono holds the year 9999");

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedScanPage {
    /// It is stored.
    Recorded(PageRecorded),
    /// The claim is lost: another worker took the run over, its lease expired, or it was finished. Nothing was stored.
    Lost,
}

/// What a page of a claimed run added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRecorded {
    /// How many of its messages were counted now: 0 if the page was recorded before.
    pub new_messages: u64,
    /// How many of its clips were stored for the first time.
    pub new_clips: u64,
    /// The run's totals.
    pub progress: ScanProgress,
    /// Whether somebody asked to cancel the run.
    pub is_cancel_requested: bool,
}

/// What messages of the gateway added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveMessagesRecorded {
    /// How many of the messages were counted now.
    pub new_messages: u64,
    /// How many of the clips were stored for the first time.
    pub new_clips: u64,
}
