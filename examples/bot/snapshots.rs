//! Converts Discord's objects into snapshots: only what the database stores.

use chrono::DateTime;
use clip_saver_db::{ChannelId, ChannelSnapshot, GuildId, GuildSnapshot, UserId, UserSnapshot};
use twilight_model::channel::{Channel, ChannelType};
use twilight_model::guild::Guild;

pub fn guild(guild: &Guild) -> GuildSnapshot {
    let mut snapshot = GuildSnapshot::new(GuildId::from(guild.id.get()), guild.name.clone())
        .with_owner(UserId::from(guild.owner_id.get()))
        .with_channels(guild.channels.iter().map(channel).collect::<Vec<_>>());
    snapshot.icon = guild.icon.map(|hash| hash.to_string());
    snapshot.joined_at = guild.joined_at.and_then(|joined| DateTime::from_timestamp_micros(joined.as_micros()));
    snapshot
}

pub fn channel(channel: &Channel) -> ChannelSnapshot {
    let name = channel.name.clone().unwrap_or_default();
    ChannelSnapshot::new(ChannelId::from(channel.id.get()), name, kind(channel.kind))
        .with_nsfw(channel.nsfw.unwrap_or(false))
}

/// The guild's owner, if Discord sent the owner among the members.
pub fn owner(guild: &Guild) -> Option<UserSnapshot> {
    let user = &guild.members.iter().find(|member| member.user.id == guild.owner_id)?.user;
    let mut snapshot = UserSnapshot::new(UserId::from(user.id.get()), user.name.clone());
    snapshot.global_name.clone_from(&user.global_name);
    snapshot.avatar = user.avatar.map(|hash| hash.to_string());
    Some(snapshot)
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
