//! Converts Discord's objects into snapshots: only what the database stores.

use chrono::DateTime;
use clip_saver_db::{ChannelId, ChannelSnapshot, GuildId, GuildSnapshot, UserId, UserSnapshot};
use twilight_model::channel::{Channel, ChannelType};
use twilight_model::guild::Guild;

pub fn guild(guild: &Guild) -> GuildSnapshot {
    GuildSnapshot {
        id: GuildId::from(guild.id.get()),
        name: guild.name.clone(),
        icon: guild.icon.map(|hash| hash.to_string()),
        owner_user_id: Some(UserId::from(guild.owner_id.get())),
        joined_at: guild.joined_at.and_then(|joined| DateTime::from_timestamp_micros(joined.as_micros())),
        channels: guild.channels.iter().map(channel).collect(),
    }
}

pub fn channel(channel: &Channel) -> ChannelSnapshot {
    ChannelSnapshot {
        id: ChannelId::from(channel.id.get()),
        name: channel.name.clone(),
        kind: Some(kind(channel.kind).to_owned()),
        is_nsfw: channel.nsfw.unwrap_or(false),
        settings_overrides: None,
    }
}

/// The guild's owner, if Discord sent the owner among the members.
pub fn owner(guild: &Guild) -> Option<UserSnapshot> {
    let user = &guild.members.iter().find(|member| member.user.id == guild.owner_id)?.user;
    Some(UserSnapshot {
        id: UserId::from(user.id.get()),
        username: Some(user.name.clone()),
        global_name: user.global_name.clone(),
        avatar: user.avatar.map(|hash| hash.to_string()),
        last_login_at: None,
    })
}

/// The channel's type as the database stores it.
fn kind(kind: ChannelType) -> &'static str {
    match kind {
        ChannelType::GuildText => "text",
        ChannelType::Private => "private",
        ChannelType::GuildVoice => "voice",
        ChannelType::Group => "group",
        ChannelType::GuildCategory => "category",
        ChannelType::GuildAnnouncement => "announcement",
        ChannelType::AnnouncementThread | ChannelType::PublicThread | ChannelType::PrivateThread => "thread",
        ChannelType::GuildStageVoice => "stage",
        ChannelType::GuildDirectory => "directory",
        ChannelType::GuildForum => "forum",
        ChannelType::GuildMedia => "media",
        _ => "unknown",
    }
}
