//! Gateway events: how they are parsed, and what each one changes in the database.

use std::str;

use clip_saver_db::{ChannelId, Db, Error, GuildId, MessageId, repositories as db};
use serde::de::DeserializeSeed as _;
use twilight_model::channel::Channel;
use twilight_model::gateway::event::{DispatchEvent, EventType, GatewayEvent, GatewayEventDeserializer};
use twilight_model::gateway::payload::incoming::{GuildCreate, GuildDelete};
use twilight_model::guild::Guild;

use super::session::Session;
use super::support::Failure;
use super::{guild_service, messages, snapshots};

pub fn parse(line: &[u8]) -> Result<GatewayEvent, Failure> {
    let line = str::from_utf8(line)?;
    let seed = GatewayEventDeserializer::from_json(line).ok_or("no gateway event: it has no opcode")?;
    let mut json = serde_json::Deserializer::from_str(line);
    let event = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(event)
}

/// Whether a line that cannot be read may hold an event that the bot needs: any but one of an unknown kind.
pub fn may_be_needed(line: &[u8]) -> bool {
    let seed = str::from_utf8(line).ok().and_then(GatewayEventDeserializer::from_json);
    let kind = seed.as_ref().and_then(GatewayEventDeserializer::event_type);
    kind.is_none_or(|kind| EventType::try_from(kind).is_ok())
}

/// The event's name at Discord.
pub fn name(event: &GatewayEvent) -> &'static str {
    match event {
        GatewayEvent::Dispatch(_, event) => event.kind().name().unwrap_or("(unnamed)"),
        _ => "(no dispatch)",
    }
}

/// Stores what an event changes; returns whether there was anything to store.
pub async fn store(db: &Db, session: &Session, event: &GatewayEvent) -> Result<bool, Error> {
    let GatewayEvent::Dispatch(_, event) = event else { return Ok(false) };
    match event {
        DispatchEvent::Ready(_) => {
            session.restart();
            Ok(false)
        }
        DispatchEvent::GuildCreate(event) => match &**event {
            GuildCreate::Available(guild) => guild_create(db, session, guild).await,
            GuildCreate::Unavailable(_) => Ok(false), // comes again when the outage is over
        },
        DispatchEvent::GuildDelete(guild) => guild_delete(db, guild).await,
        DispatchEvent::ChannelCreate(channel) => channel_change(db, channel).await,
        DispatchEvent::ChannelUpdate(channel) => {
            session.forget(channel.id.get().into()); // the bot may have had no access for a while
            channel_change(db, channel).await
        }
        DispatchEvent::ChannelDelete(channel) => channel_delete(db, channel).await,
        DispatchEvent::MessageCreate(message) => messages::create(db, session, message).await,
        DispatchEvent::MessageDelete(event) => {
            messages::delete(db, event.channel_id.get().into(), vec![event.id.get().into()]).await
        }
        DispatchEvent::MessageDeleteBulk(event) => {
            let ids = event.ids.iter().map(|id| id.get().into()).collect();
            messages::delete(db, event.channel_id.get().into(), ids).await
        }
        _ => Ok(false), // RESUMED, too: the session goes on, and Discord sends again what was missed
    }
}

/// A guild comes at the start of a session, after an outage, and when the bot joins it.
async fn guild_create(db: &Db, session: &Session, guild: &Guild) -> Result<bool, Error> {
    // First: if the guild cannot be stored, the messages of an outage still count as missed.
    for channel in &guild.channels {
        let newest = channel.last_message_id.map(|id| MessageId::from(id.get()));
        session.begin(ChannelId::from(channel.id.get()), newest);
    }
    let snapshot = snapshots::guild(guild);
    let owner = snapshots::owner(guild);
    let (snapshot, owner) = (&snapshot, owner.as_ref());
    db.transaction(|tx| async move { guild_service::join(&tx, snapshot, owner).await }).await?;
    messages::request_guild(db, session, snapshot.id).await?;
    Ok(true)
}

async fn guild_delete(db: &Db, guild: &GuildDelete) -> Result<bool, Error> {
    if guild.unavailable == Some(true) {
        return Ok(false); // an outage: the bot is still in the guild
    }
    guild_service::remove(db, GuildId::from(guild.id.get())).await
}

async fn channel_change(db: &Db, channel: &Channel) -> Result<bool, Error> {
    let Some(guild) = channel.guild_id else { return Ok(false) };
    let guild = GuildId::from(guild.get());
    db.transaction(|tx| async move { guild_service::sync_channel(&tx, guild, snapshots::channel(channel)).await })
        .await?;
    Ok(true)
}

async fn channel_delete(database: &Db, channel: &Channel) -> Result<bool, Error> {
    Ok(db::delete_channels(database, &[ChannelId::from(channel.id.get())]).await? > 0)
}
