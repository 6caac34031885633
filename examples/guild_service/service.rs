//! The guild service: what a bot does when it joins, sees or leaves a guild.
//!
//! Every function runs on a `Db` or inside a transaction: the caller decides what is stored together.
#![allow(dead_code, reason = "the bot uses a part of this")]

use clip_saver_db::{
    Channel, ChannelSnapshot, Client, Error, GuildId, GuildSettings, GuildSnapshot, Settings, UserSnapshot,
    repositories as db,
};
use serde_json::Value;
use tracing::warn;

/// The key of the settings that says whether text and announcement channels are read.
const SCAN_TEXT_CHANNELS: &str = "scan_text_channels";

/// The settings that a guild without settings gets.
pub fn default_settings() -> Settings {
    serde_json::Map::from_iter([(SCAN_TEXT_CHANNELS.to_owned(), Value::Bool(true))]).into()
}

/// Stores a guild that the bot joined or sees again: its data, its settings, and which channels are read.
pub async fn join(client: &impl Client, guild: &GuildSnapshot, owner: Option<&UserSnapshot>) -> Result<u64, Error> {
    let channels = sync(client, guild, owner).await?;
    let settings = db::ensure_guild_settings(client, guild.id, &default_settings()).await?;
    let stored = db::get_channels_by_guild(client, guild.id).await?;
    start_reading(client, &settings, stored).await?;
    Ok(channels)
}

/// Stores the guild and its channels as Discord shows them; returns how many channels were written.
pub async fn sync(client: &impl Client, guild: &GuildSnapshot, owner: Option<&UserSnapshot>) -> Result<u64, Error> {
    if let Some(owner) = owner {
        db::upsert_user(client, owner).await?; // without this, `sync_guild` stores only the owner's id
    }
    db::sync_guild(client, guild).await
}

/// Stores a new or changed channel.
pub async fn sync_channel(client: &impl Client, guild_id: GuildId, channel: ChannelSnapshot) -> Result<(), Error> {
    let id = channel.id;
    db::upsert_channels_for_guild(client, guild_id, &[channel]).await?;
    let settings = db::ensure_guild_settings(client, guild_id, &default_settings()).await?;
    start_reading(client, &settings, db::get_channel(client, id).await?).await
}

/// Deletes a guild that the bot was removed from; returns whether it was stored. Its settings stay: the bot may return.
pub async fn remove(client: &impl Client, guild_id: GuildId) -> Result<bool, Error> {
    Ok(db::delete_guilds(client, &[guild_id]).await? > 0)
}

/// Gives the default settings to every stored guild that has no settings; returns how many had none.
pub async fn ensure_settings_for_all(client: &impl Client) -> Result<u64, Error> {
    let mut missing = 0;
    for guild in db::get_guilds(client).await? {
        if db::get_guild_settings(client, guild.guild_id).await?.is_none() {
            db::ensure_guild_settings(client, guild.guild_id, &default_settings()).await?;
            missing += 1;
        }
    }
    Ok(missing)
}

/// If the guild's settings say so, turns reading on for channels where it was never turned on or off.
async fn start_reading(
    client: &impl Client,
    settings: &GuildSettings,
    channels: impl IntoIterator<Item = Channel>,
) -> Result<(), Error> {
    if !wants_text_channels(settings) {
        return Ok(());
    }
    for channel in channels.into_iter().filter(|channel| holds_text(channel) && is_undecided(channel)) {
        db::set_channel_reading(client, channel.channel_id, true).await?;
    }
    Ok(())
}

fn wants_text_channels(settings: &GuildSettings) -> bool {
    let wanted = settings.settings.get(SCAN_TEXT_CHANNELS).unwrap_or_else(|error| {
        warn!(guild = %settings.guild_id, %error, "reading no new channels");
        None
    });
    wanted.unwrap_or(false)
}

fn holds_text(channel: &Channel) -> bool {
    matches!(channel.kind.as_deref(), Some("text" | "announcement"))
}

/// `set_channel_reading` stores its decision, on or off, under `is_enabled`.
fn is_undecided(channel: &Channel) -> bool {
    !channel.is_reading && matches!(channel.settings.get::<Value>("is_enabled"), Ok(None))
}
