//! What the bot and the worker write: Discord's objects, reduced to what is stored, and increments.
//!
//! A later release may add a field, so the structs are built with `new` and `with_…`, not with literals.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ids::{ChannelId, GuildId, UserId};
use super::settings::Settings;

/// Defines `with_…` methods, each of which sets a field.
macro_rules! with {
    ($($(#[$doc:meta])+ $with:ident($field:ident: $ty:ty $(, $wrap:path)?);)+) => {
        $(
            $(#[$doc])+
            #[must_use]
            pub fn $with(mut self, $field: impl Into<$ty>) -> Self {
                self.$field = $($wrap)?($field.into());
                self
            }
        )+
    };
}

/// A guild as Discord shows it.
///
/// ```
/// use clip_saver_db::{GuildId, GuildSnapshot};
///
/// let guild = GuildSnapshot::new(GuildId::from(1001), "Testers").with_icon("f64c48");
/// assert_eq!(guild.icon.as_deref(), Some("f64c48"));
/// assert!(guild.channels.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GuildSnapshot {
    /// The guild at Discord.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The hash of its icon.
    pub icon: Option<String>,
    /// Its owner. The user must be in `users`; `sync_guild` adds a missing one.
    pub owner_user_id: Option<UserId>,
    /// When the bot joined, to the microsecond; `None` means now. Only the first write of a guild stores it.
    pub joined_at: Option<DateTime<Utc>>,
    /// Its channels. Only `sync_guild` writes them.
    pub channels: Vec<ChannelSnapshot>,
}

impl GuildSnapshot {
    /// A guild without icon, owner, `joined_at` and channels.
    pub fn new(id: GuildId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), icon: None, owner_user_id: None, joined_at: None, channels: Vec::new() }
    }

    with! {
        /// Sets the hash of the guild's icon.
        with_icon(icon: String, Some);
        /// Sets the owner.
        with_owner(owner_user_id: UserId, Some);
        /// Sets when the bot joined.
        with_joined_at(joined_at: DateTime<Utc>, Some);
        /// Sets the channels.
        with_channels(channels: Vec<ChannelSnapshot>);
    }
}

/// A channel as Discord shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
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

    with! {
        /// Sets whether the channel is marked as not safe for work.
        with_nsfw(is_nsfw: bool);
        /// Sets the overrides that are merged into the stored settings.
        with_settings_overrides(settings_overrides: Settings, Some);
    }
}

/// A user as Discord shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UserSnapshot {
    /// The user at Discord.
    pub id: UserId,
    /// The account's name.
    pub username: Option<String>,
    /// The display name.
    pub global_name: Option<String>,
    /// The hash of the avatar.
    pub avatar: Option<String>,
    /// The last login to the website; `None` keeps what is stored.
    pub last_login_at: Option<DateTime<Utc>>,
}

impl UserSnapshot {
    /// A user with a name.
    pub fn new(id: UserId, username: impl Into<String>) -> Self {
        Self { id, username: Some(username.into()), global_name: None, avatar: None, last_login_at: None }
    }

    with! {
        /// Sets the display name.
        with_global_name(global_name: String, Some);
        /// Sets the hash of the avatar.
        with_avatar(avatar: String, Some);
        /// Sets the last login to the website.
        with_last_login_at(last_login_at: DateTime<Utc>, Some);
    }
}

/// How much a scan run has scanned since its last report.
///
/// ```
/// use clip_saver_db::ScanIncrement;
///
/// let page = ScanIncrement::scanned(100).with_matched(7);
/// assert_eq!((page.scanned, page.matched), (100, 7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScanIncrement {
    /// How many messages were scanned; `scanned_inc` in Python.
    pub scanned: i64,
    /// How many of them were clips; `matched_inc` in Python.
    pub matched: i64,
}

impl ScanIncrement {
    /// Scanned messages, none of them a clip.
    #[must_use]
    pub const fn scanned(scanned: i64) -> Self {
        Self { scanned, matched: 0 }
    }

    /// Sets how many of the messages were clips.
    #[must_use]
    pub const fn with_matched(self, matched: i64) -> Self {
        Self { matched, ..self }
    }
}

/// An install intent to store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewInstallIntent {
    /// A random text, unique among intents.
    pub state: String,
    /// The user who begins it; must be in `users`.
    pub user_id: UserId,
    /// The guild that the bot is to join.
    pub guild_id: GuildId,
    /// How long the intent is valid, by the database's clock; at most 100 years.
    pub lifetime: Duration,
}

impl NewInstallIntent {
    /// An intent of a user for a guild, valid for `lifetime` from now.
    pub fn new(state: impl Into<String>, user_id: UserId, guild_id: GuildId, lifetime: Duration) -> Self {
        Self { state: state.into(), user_id, guild_id, lifetime }
    }
}
