//! Shows the guild service: it syncs a made-up guild, gives settings to guilds that have none, joins and removes.
//!
//! `DATABASE_URL=postgresql://… cargo run --example guild_service`, as often as you like: no real Discord guild has this
//! id. Only its settings stay.

mod service;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use clip_saver_db::{ChannelId, ChannelSnapshot, Db, Error, GuildId, GuildSnapshot, UserId, UserSnapshot};
use clip_saver_db::{Settings, repositories as db};
use support::{say, with_database};
use tracing::Level;

const GUILD: u64 = 1001;
const OWNER: u64 = 2001;

#[tokio::main]
async fn main() -> ExitCode {
    support::start_log(Level::WARN);
    support::exit_code(with_database(async |db, _stop| Ok(show(db).await?)).await)
}

async fn show(database: &Db) -> Result<(), Error> {
    let mut guild = snapshot();
    sync(database, &guild).await?;
    settings(database, guild.id).await?;
    guild.name = "Testers, renamed".into();
    guild.channels.push(ChannelSnapshot::new(ChannelId::from(3003), "more-clips", "text"));
    join(database, &guild).await?;
    remove(database, guild.id).await
}

fn snapshot() -> GuildSnapshot {
    GuildSnapshot::new(GuildId::from(GUILD), "Testers").with_owner(UserId::from(OWNER)).with_channels([
        ChannelSnapshot::new(ChannelId::from(3001), "clips", "text"),
        ChannelSnapshot::new(ChannelId::from(3002), "Lounge", "voice"),
    ])
}

async fn sync(database: &Db, guild: &GuildSnapshot) -> Result<(), Error> {
    let channels = service::sync(database, guild, None).await?;
    say(format_args!("synced guild {} with {channels} channels:", guild.id));
    show_guild(database, guild.id).await
}

/// Stores the owner, the guild, its settings and which channels are read: all of it, or nothing.
async fn join(database: &Db, guild: &GuildSnapshot) -> Result<(), Error> {
    let owner = UserSnapshot::new(UserId::from(OWNER), "owner");
    let owner = Some(&owner);
    let channels = database.transaction(|tx| async move { service::join(&tx, guild, owner).await }).await?;
    say(format_args!("joined it with {channels} channels; the name has changed, the time of joining has not:"));
    show_guild(database, guild.id).await
}

async fn settings(database: &Db, guild: GuildId) -> Result<(), Error> {
    let missing = service::ensure_settings_for_all(database).await?;
    say(format_args!("{missing} of the stored guilds had no settings and got {}", service::default_settings()));
    let patch: Settings = r#"{"prefix": "!"}"#.parse()?;
    if let Some(changed) = db::update_guild_settings(database, guild, &patch).await? {
        say(format_args!("patched with {patch}: {}", changed.settings));
    }
    let kept = db::ensure_guild_settings(database, guild, &service::default_settings()).await?;
    say(format_args!("asked for defaults, kept what was there: {}", kept.settings));
    Ok(())
}

async fn remove(database: &Db, guild: GuildId) -> Result<(), Error> {
    let removed = service::remove(database, guild).await?;
    let again = service::remove(database, guild).await?;
    let settings = db::get_guild_settings(database, guild).await?.is_some();
    say(format_args!("removed: {removed}, once more: {again}, settings kept: {settings}"));
    Ok(())
}

async fn show_guild(database: &Db, guild: GuildId) -> Result<(), Error> {
    if let Some(guild) = db::get_guild(database, guild).await? {
        let joined = guild.joined_at.map(|joined| joined.to_rfc3339()).unwrap_or_default();
        say(format_args!("  {:?}, joined at {joined}", guild.name));
    }
    for channel in db::get_channels_by_guild(database, guild).await? {
        let (kind, name) = (channel.kind.unwrap_or_default(), channel.name.unwrap_or_default());
        say(format_args!("  {kind} channel {name:?}, reading: {}", channel.is_reading));
    }
    Ok(())
}
