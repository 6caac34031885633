//! What the bot and the worker hand in: Discord's objects, cut down to what is stored, and what a change adds.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ids::{ChannelId, GuildId, UserId};
use crate::settings::Settings;

/// A guild as Discord shows it.
///
/// ```
/// use clip_saver_db::{GuildId, GuildSnapshot};
///
/// let guild = GuildSnapshot { icon: Some("f64c48".into()), ..GuildSnapshot::new(GuildId::from(1001), "Testers") };
/// assert!(guild.channels.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GuildSnapshot {
    /// The guild at Discord.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// Its owner; must be in `users`, but for `sync_guild`, which sees to that.
    pub owner_user_id: Option<UserId>,
    /// When the bot joined, to the microsecond; `None` for now. Only the first write of a guild stores it.
    pub joined_at: Option<DateTime<Utc>>,
    /// Its channels. Only `sync_guild` writes them.
    pub channels: Vec<ChannelSnapshot>,
}

impl GuildSnapshot {
    /// A guild of which nothing else is known.
    pub fn new(id: GuildId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), icon: None, owner_user_id: None, joined_at: None, channels: Vec::new() }
    }
}

/// A channel as Discord shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSnapshot {
    /// The channel at Discord.
    pub id: ChannelId,
    /// Its name.
    pub name: Option<String>,
    /// The column `type`: `text`, `voice` and so on.
    pub kind: Option<String>,
    /// Whether it is marked as not safe for work.
    pub is_nsfw: bool,
    /// Merged into the stored settings; `None` or `{}` keeps them.
    pub settings_overrides: Option<Settings>,
}

impl ChannelSnapshot {
    /// A channel with a name and a type.
    pub fn new(id: ChannelId, name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { id, name: Some(name.into()), kind: Some(kind.into()), is_nsfw: false, settings_overrides: None }
    }
}

/// A user as Discord shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserSnapshot {
    /// The user at Discord.
    pub id: UserId,
    /// The account's name.
    pub username: Option<String>,
    /// The name that is shown.
    pub global_name: Option<String>,
    /// The hash of the picture.
    pub avatar: Option<String>,
    /// The last login to the website; `None` keeps what is stored.
    pub last_login_at: Option<DateTime<Utc>>,
}

impl UserSnapshot {
    /// A user with a name.
    pub fn new(id: UserId, username: impl Into<String>) -> Self {
        Self { id, username: Some(username.into()), global_name: None, avatar: None, last_login_at: None }
    }
}

/// What a scan run has done since it last said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanIncrement {
    /// Messages looked at; `scanned_inc` in Python.
    pub scanned: i64,
    /// Clips among them; `matched_inc` in Python.
    pub matched: i64,
}

/// The beginning of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstallIntent {
    /// A random text that no other intent has.
    pub state: String,
    /// Who begins; must be in `users`.
    pub user_id: UserId,
    /// Where the bot shall go.
    pub guild_id: GuildId,
    /// How long the intent counts from now, by the database's clock; at most 100 years.
    pub lifetime: Duration,
}
