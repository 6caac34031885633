//! Clips as they are stored, and how to ask for them.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::ids::{AttachmentId, ChannelId, GuildId, MessageId, UserId};
use super::pages::ClipAuthor;

/// A clip: a video attachment of a message.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Clip {
    /// The attachment.
    pub id: AttachmentId,
    /// Its message, which tells when it was posted: [`MessageId::created_at`].
    pub message_id: MessageId,
    /// The channel.
    pub channel_id: ChannelId,
    /// The guild.
    pub guild_id: GuildId,
    /// Who posted it, as last seen; the name is empty if it was not stored.
    pub author: ClipAuthor,
    /// The file's name.
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
    /// When that URL expires; `None` if it does not say.
    pub url_expires_at: Option<DateTime<Utc>>,
    /// When it was stored first.
    pub first_seen_at: DateTime<Utc>,
}

impl Clip {
    /// The clip's place in a list: what comes behind it is the next page.
    #[must_use]
    pub const fn key(&self) -> ClipKey {
        ClipKey { message_id: self.message_id, attachment_id: self.id }
    }
}

/// A place in a list of clips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipKey {
    /// The message.
    pub message_id: MessageId,
    /// The attachment.
    pub attachment_id: AttachmentId,
}

/// Which clips of a guild are wanted.
///
/// ```
/// use clip_saver_db::{ChannelId, ClipFilter, GuildId};
///
/// let filter = ClipFilter::new(GuildId::from(1001)).with_channel(ChannelId::from(2001));
/// assert_eq!(filter.author_id, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClipFilter {
    /// The guild.
    pub guild_id: GuildId,
    /// Only of this channel.
    pub channel_id: Option<ChannelId>,
    /// Only of this author.
    pub author_id: Option<UserId>,
    /// Only posted at this time or later, to the millisecond.
    pub since: Option<DateTime<Utc>>,
    /// Only posted before this time, to the millisecond.
    pub until: Option<DateTime<Utc>>,
}

impl ClipFilter {
    /// All clips of a guild.
    #[must_use]
    pub const fn new(guild_id: GuildId) -> Self {
        Self { guild_id, channel_id: None, author_id: None, since: None, until: None }
    }

    /// Only those of a channel.
    #[must_use]
    pub const fn with_channel(mut self, channel_id: ChannelId) -> Self {
        self.channel_id = Some(channel_id);
        self
    }

    /// Only those of an author.
    #[must_use]
    pub const fn with_author(mut self, author_id: UserId) -> Self {
        self.author_id = Some(author_id);
        self
    }

    /// Only those posted in a span of time.
    #[must_use]
    pub const fn with_posted(mut self, span: Range<DateTime<Utc>>) -> Self {
        self.since = Some(span.start);
        self.until = Some(span.end);
        self
    }
}

/// A page of clips.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClipPage {
    /// The clips, newest first.
    pub clips: Vec<Clip>,
    /// Pass this to get the next page; `None` if this page was not full.
    pub next: Option<ClipKey>,
}
