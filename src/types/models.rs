//! The rows that callers get. Fields have the columns' names, except `kind`: the column's name, `type`, is a Rust
//! keyword.
//!
//! A later release may add a column, so the structs are built with `new`, not with literals.

use std::fmt;

use chrono::{DateTime, Utc};

use super::ids::{ChannelId, GuildId, MessageId, ScanRunId, UserId};
use super::settings::Settings;

/// A Discord user: a guild's owner, or someone who installed the bot.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct User {
    /// The row's own number; other tables refer to `discord_user_id`.
    pub id: i32,
    /// The user at Discord.
    pub discord_user_id: UserId,
    /// The account's name; `None` for an owner who is known only from a guild.
    pub username: Option<String>,
    /// The display name.
    pub global_name: Option<String>,
    /// The hash of the avatar.
    pub avatar: Option<String>,
    /// The last login to the website.
    pub last_login_at: Option<DateTime<Utc>>,
}

impl User {
    /// A user with only the ids.
    #[must_use]
    pub const fn new(id: i32, discord_user_id: UserId) -> Self {
        Self { id, discord_user_id, username: None, global_name: None, avatar: None, last_login_at: None }
    }
}

/// A guild (a Discord server) that the bot is in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Guild {
    /// The guild at Discord.
    pub guild_id: GuildId,
    /// Its name.
    pub name: String,
    /// The hash of its icon.
    pub icon: Option<String>,
    /// Its owner, a row of `users`.
    pub owner_user_id: Option<UserId>,
    /// When the bot joined; a later sync keeps it.
    pub joined_at: Option<DateTime<Utc>>,
    /// When the bot last saw it.
    pub last_seen_at: Option<DateTime<Utc>>,
}

impl Guild {
    /// A guild with only its id and name.
    pub fn new(guild_id: GuildId, name: impl Into<String>) -> Self {
        Self { guild_id, name: name.into(), icon: None, owner_user_id: None, joined_at: None, last_seen_at: None }
    }
}

/// The settings of a guild.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GuildSettings {
    /// The guild.
    pub guild_id: GuildId,
    /// The JSON object.
    pub settings: Settings,
    /// The time of the last write.
    pub updated_at: Option<DateTime<Utc>>,
}

impl GuildSettings {
    /// Settings without a time.
    #[must_use]
    pub const fn new(guild_id: GuildId, settings: Settings) -> Self {
        Self { guild_id, settings, updated_at: None }
    }
}

/// A channel of a guild.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Channel {
    /// The channel at Discord.
    pub channel_id: ChannelId,
    /// The guild that it is in.
    pub guild_id: GuildId,
    /// Its name.
    pub name: Option<String>,
    /// The column `type`: `text`, `voice` and so on, as the bot stored it.
    pub kind: Option<String>,
    /// Whether it is marked as not safe for work; an unset column counts as `false`.
    pub is_nsfw: bool,
    /// Whether the worker reads it.
    pub is_reading: bool,
    /// The cursor: the newest message that was scanned. A stored text that is not a snowflake reads as `None`.
    pub last_message_id: Option<MessageId>,
    /// When the cursor was last set.
    pub last_scanned_at: Option<DateTime<Utc>>,
    /// When someone last posted in it.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// How many messages were counted.
    pub message_count: i64,
    /// The JSON object.
    pub settings: Settings,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// The time of the last write.
    pub updated_at: DateTime<Utc>,
}

impl Channel {
    /// A new channel without a name. The worker does not read it.
    #[must_use]
    pub fn new(channel_id: ChannelId, guild_id: GuildId, created_at: DateTime<Utc>) -> Self {
        Self {
            channel_id,
            guild_id,
            name: None,
            kind: None,
            is_nsfw: false,
            is_reading: false,
            last_message_id: None,
            last_scanned_at: None,
            last_activity_at: None,
            message_count: 0,
            settings: Settings::default(),
            created_at,
            updated_at: created_at,
        }
    }
}

/// The settings of a channel after a write.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChannelSettings {
    /// The channel.
    pub channel_id: ChannelId,
    /// The JSON object.
    pub settings: Settings,
    /// The time of the write.
    pub updated_at: DateTime<Utc>,
}

impl ChannelSettings {
    /// Settings that were written at `updated_at`.
    #[must_use]
    pub const fn new(channel_id: ChannelId, settings: Settings, updated_at: DateTime<Utc>) -> Self {
        Self { channel_id, settings, updated_at }
    }
}

/// One pass of the worker over a channel.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScanRun {
    /// The id, made by PostgreSQL.
    pub id: ScanRunId,
    /// The channel that is scanned.
    pub channel_id: ChannelId,
    /// Only messages after this one: the channel's cursor when the run was enqueued.
    pub after_message_id: Option<MessageId>,
    /// Only messages before this one.
    pub before_message_id: Option<MessageId>,
    /// The last message that [`record_scan_progress`](crate::repositories::record_scan_progress) has counted. A stored
    /// text that is not a snowflake reads as `None`.
    pub last_message_id: Option<MessageId>,
    /// The run's status.
    pub status: ScanStatus,
    /// How many messages were scanned.
    pub messages_scanned: i64,
    /// How many of them were clips.
    pub messages_matched: i64,
    /// Why it failed.
    pub error_message: Option<String>,
    /// When it started to run.
    pub started_at: Option<DateTime<Utc>>,
    /// When it succeeded, failed or was canceled.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// Shared runs with a higher priority are claimed first.
    pub priority: i16,
    /// No worker claims it earlier.
    pub not_before: Option<DateTime<Utc>>,
    /// The worker that claimed it last.
    pub worker: Option<String>,
    /// When that worker's lease expires; `None` if no worker has claimed it, or it is finished.
    pub lease_until: Option<DateTime<Utc>>,
    /// How often it was claimed, without the claims that were handed back.
    pub attempts: u32,
    /// How often a worker took it over from one whose lease had expired.
    pub takeovers: u32,
    /// When somebody asked to cancel it.
    pub cancel_requested_at: Option<DateTime<Utc>>,
}

impl ScanRun {
    /// A queued run over a whole channel.
    #[must_use]
    pub const fn new(id: ScanRunId, channel_id: ChannelId, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            channel_id,
            after_message_id: None,
            before_message_id: None,
            last_message_id: None,
            status: ScanStatus::Queued,
            messages_scanned: 0,
            messages_matched: 0,
            error_message: None,
            started_at: None,
            finished_at: None,
            created_at,
            priority: 0,
            not_before: None,
            worker: None,
            lease_until: None,
            attempts: 0,
            takeovers: 0,
            cancel_requested_at: None,
        }
    }
}

/// The two counters of a scan run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScanProgress {
    /// How many messages were scanned.
    pub messages_scanned: i64,
    /// How many of them were clips.
    pub messages_matched: i64,
}

/// The status of a scan run: queued → running → succeeded, failed or canceled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScanStatus {
    /// Waiting for a worker.
    Queued,
    /// A worker scans the channel.
    Running,
    /// Finished.
    Succeeded,
    /// Finished with an error; see `error_message`.
    Failed,
    /// Finished because someone stopped it.
    Canceled,
    /// A status that a newer release added. It is read unchanged, so that this program keeps working.
    Unknown(Box<str>),
}

impl ScanStatus {
    /// The name in the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unknown(name) => name,
        }
    }
}

impl From<&str> for ScanStatus {
    fn from(name: &str) -> Self {
        let known = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];
        known.into_iter().find(|status| status.as_str() == name).unwrap_or_else(|| Self::Unknown(name.into()))
    }
}

impl fmt::Display for ScanStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// An OAuth2 authorization that a user began, to add the bot to a guild.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct InstallIntent {
    /// The random text that Discord sends back.
    pub state: String,
    /// The user who began it.
    pub user_id: UserId,
    /// The guild that the bot is to join.
    pub guild_id: GuildId,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

impl InstallIntent {
    /// An intent that is valid until `expires_at`.
    pub fn new(state: impl Into<String>, user_id: UserId, guild_id: GuildId, expires_at: DateTime<Utc>) -> Self {
        Self { state: state.into(), user_id, guild_id, created_at: None, expires_at }
    }
}
