//! Channels: the bot syncs them and the worker scans them. Every write sets `updated_at`.

use super::parts::{self, Batch, ID, Part};
use super::{channel_bytes, check_channels, check_settings, rows, stored, write_channels, wrote};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::queries::channels::{self as queries, ChannelRowBorrowed, ChannelSettingsRowBorrowed};
use crate::config::Limits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::attempt::CallKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows as _;
use crate::types::ids::{ChannelId, GuildId, MessageId};
use crate::types::models::{Channel, ChannelSettings};
use crate::types::settings::Settings;
use crate::types::snapshots::ChannelSnapshot;

impl TryFrom<ChannelRowBorrowed<'_>> for Channel {
    type Error = Error;

    fn try_from(row: ChannelRowBorrowed<'_>) -> Result<Self, Error> {
        let ChannelRowBorrowed {
            channel_id,
            guild_id,
            name,
            r#type,
            is_nsfw,
            is_reading,
            last_message_id,
            last_scanned_at,
            last_activity_at,
            message_count,
            settings,
            created_at,
            updated_at,
        } = row;
        Ok(Self {
            channel_id: stored("bot_channels.channel_id", channel_id, channel_id)?,
            guild_id: stored("bot_channels.guild_id", channel_id, guild_id)?,
            name: name.map(Into::into),
            kind: r#type.map(Into::into),
            is_nsfw: is_nsfw.unwrap_or_default(),
            is_reading,
            last_message_id: last_message_id.and_then(|cursor| cursor.parse().ok()),
            last_scanned_at,
            last_activity_at,
            message_count,
            settings: settings.into(),
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<ChannelSettingsRowBorrowed<'_>> for ChannelSettings {
    type Error = Error;

    fn try_from(row: ChannelSettingsRowBorrowed<'_>) -> Result<Self, Error> {
        let ChannelSettingsRowBorrowed { channel_id, settings, updated_at } = row;
        Ok(Self {
            channel_id: stored("bot_channels.channel_id", channel_id, channel_id)?,
            settings: settings.into(),
            updated_at,
        })
    }
}

/// Returns a channel; `None` if it is not stored.
///
/// Needs: select on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_channel(client: &impl Client, channel_id: ChannelId) -> Result<Option<Channel>, Error> {
    read!(client, "get_channel", |on| queries::get_channel().bind(on, &channel_id).map(|row| Channel::try_from(row)))
}

/// Returns the channels of a guild by name (in code-point order, unnamed ones last), then by id. Leaves out rows that
/// cannot be read, and [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_channels_by_guild(client: &impl Client, guild_id: GuildId) -> Result<Vec<Channel>, Error> {
    let mut channels = list!(client, "get_channels_by_guild", |on| queries::get_channels_by_guild()
        .bind(on, &guild_id)
        .map(|row| Channel::try_from(row)))?;
    channels.sort_unstable_by(|one, other| by_name(one).cmp(&by_name(other)));
    Ok(channels)
}

/// The key of a list by name. `str` compares in code-point order, and `None` would come first.
fn by_name(channel: &Channel) -> (bool, Option<&str>, ChannelId) {
    (channel.name.is_none(), channel.name.as_deref(), channel.channel_id)
}

/// Returns the channels of a guild that the worker reads, in work order: those never scanned first, then those scanned longest
/// ago. Leaves out rows that cannot be read, and [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_reading_channels(client: &impl Client, guild_id: GuildId) -> Result<Vec<Channel>, Error> {
    let mut channels = list!(client, "get_reading_channels", |on| queries::get_reading_channels()
        .bind(on, &guild_id)
        .map(|row| Channel::try_from(row)))?;
    channels.sort_unstable_by_key(|channel| (channel.last_scanned_at, channel.channel_id));
    Ok(channels)
}

/// Returns how many channels of a guild are stored.
///
/// Needs: select on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn count_channels_by_guild(client: &impl Client, guild_id: GuildId) -> Result<u64, Error> {
    fetch!(client, "count_channels_by_guild", |on| {
        Ok(queries::count_channels_by_guild().bind(on, &guild_id).one().await?)
    })
    .map(rows)
}

/// Returns the sum of the message counts of a guild's channels; 0 for an unknown guild.
///
/// Needs: select on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::Database`] (SQLSTATE 22003) if the sum does not fit into an `i64`; else see the [module](super#errors).
pub async fn total_message_count(client: &impl Client, guild_id: GuildId) -> Result<i64, Error> {
    fetch!(client, "total_message_count", |on| Ok(queries::total_message_count().bind(on, &guild_id).one().await?))
}

/// Stores a batch of a guild's channels, atomically, and returns how many distinct channels were written. Replaces name, type,
/// nsfw and, if the channel was in another one, the guild. Merges overrides into the stored settings, those of duplicates in
/// their order.
///
/// Idempotent.
///
/// Needs: select, update on `bot_guilds`; select, insert, update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::ForeignKeyViolation`] (`bot_channels_guild_id_fkey`) if the guild is unknown; [`ErrorKind::InvalidInput`] for
/// U+0000 and for overrides that are not a JSON object; else see the [module](super#errors).
pub async fn upsert_channels_for_guild(
    client: &impl Client,
    guild_id: GuildId,
    channels: &[ChannelSnapshot],
) -> Result<u64, Error> {
    let operation = operation!("upsert_channels_for_guild", "INSERT");
    parts::write(client, &Upsert { guild_id, channels }, operation).await
}

struct Upsert<'a> {
    guild_id: GuildId,
    channels: &'a [ChannelSnapshot],
}

impl Batch for Upsert<'_> {
    const NAME: &'static str = "channels";

    type Row = ChannelSnapshot;

    fn rows(&self) -> &[ChannelSnapshot] {
        self.channels
    }

    fn check(&self, limits: &Limits) -> Result<(), Error> {
        check_channels(self.channels, limits)
    }

    fn key(channel: &ChannelSnapshot) -> u64 {
        channel.id.get()
    }

    fn bytes(channel: &ChannelSnapshot) -> usize {
        channel_bytes(channel)
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, ChannelSnapshot>) -> Result<u64, Error> {
        write_channels(client, self.guild_id, None, part).await
    }
}

/// Turns reading on or off, also in `settings.is_enabled`; returns whether the channel exists.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn set_channel_reading(client: &impl Client, channel_id: ChannelId, is_reading: bool) -> Result<bool, Error> {
    idempotent!(client, "set_channel_reading", "UPDATE", |on| {
        wrote(queries::set_channel_reading().bind(on, &is_reading, &channel_id)).await
    })
}

/// Sets the cursor as given, forward, backward or to none, and `last_scanned_at` to now; returns whether the channel exists.
/// [`update_channel_progress`] never moves the cursor back.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn update_channel_cursor(
    client: &impl Client,
    channel_id: ChannelId,
    last_message_id: Option<MessageId>,
) -> Result<bool, Error> {
    idempotent!(client, "update_channel_cursor", "UPDATE", |on| {
        wrote(queries::update_channel_cursor().bind(on, &last_message_id, &channel_id)).await
    })
}

/// Sets the cursor to the greater of the stored and the given one, always adds to the message count, and sets
/// `last_scanned_at` to now; returns whether the channel exists. A stored cursor that is not a snowflake counts as none.
///
/// Not idempotent: repeated, it counts twice; [`record_scan_progress`](super::record_scan_progress) does not.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::Database`] (SQLSTATE 22003) if the count would not fit into an `i64`; else see the
/// [module](super#errors).
pub async fn update_channel_progress(
    client: &impl Client,
    channel_id: ChannelId,
    last_seen_message_id: MessageId,
    ingested_count: i64,
) -> Result<bool, Error> {
    once!(client, "update_channel_progress", "UPDATE", |on| {
        wrote(queries::update_channel_progress().bind(on, &last_seen_message_id, &ingested_count, &channel_id)).await
    })
}

/// Sets a channel's `last_activity_at` to now; returns whether it exists.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn touch_channel_activity(client: &impl Client, channel_id: ChannelId) -> Result<bool, Error> {
    idempotent!(client, "touch_channel_activity", "UPDATE", |on| {
        wrote(queries::touch_channel_activity().bind(on, &channel_id)).await
    })
}

/// Adds to a channel's message count (a negative number subtracts); returns whether the channel exists. The Python
/// function's default was 1.
///
/// Not idempotent: repeated, it counts twice.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::Database`] (SQLSTATE 22003) if the count would not fit into an `i64`; else see the
/// [module](super#errors).
pub async fn increment_channel_message_count(
    client: &impl Client,
    channel_id: ChannelId,
    by: i64,
) -> Result<bool, Error> {
    once!(client, "increment_channel_message_count", "UPDATE", |on| {
        wrote(queries::increment_channel_message_count().bind(on, &by, &channel_id)).await
    })
}

/// Replaces the top-level keys that the patch names (`null` is stored as null) and returns the result; `None` if the
/// channel is unknown. If the stored value is not an object, the patch replaces it.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the patch is not a JSON object or holds U+0000; else see the [module](super#errors).
pub async fn update_channel_settings(
    client: &impl Client,
    channel_id: ChannelId,
    patch: &Settings,
) -> Result<Option<ChannelSettings>, Error> {
    idempotent!(client, "update_channel_settings", "UPDATE", || check_settings(client, "patch", patch), |on| {
        let query = queries::update_channel_settings();
        query.bind(on, patch, &channel_id).map(|row| ChannelSettings::try_from(row)).opt().await?.transpose()
    })
}

/// Replaces a channel's settings as a whole and returns them; `None` if the channel is unknown.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the settings are not a JSON object or hold U+0000; else see the [module](super#errors).
pub async fn set_channel_settings(
    client: &impl Client,
    channel_id: ChannelId,
    settings: &Settings,
) -> Result<Option<ChannelSettings>, Error> {
    idempotent!(client, "set_channel_settings", "UPDATE", || check_settings(client, "settings", settings), |on| {
        let query = queries::set_channel_settings();
        query.bind(on, settings, &channel_id).map(|row| ChannelSettings::try_from(row)).opt().await?.transpose()
    })
}

/// Deletes channels with their scan runs, and returns how many channels were deleted.
///
/// Not idempotent: repeated, it deletes nothing more, but answers 0.
///
/// Needs: select, update, delete on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn delete_channels(client: &impl Client, channel_ids: &[ChannelId]) -> Result<u64, Error> {
    parts::write(client, &Delete(channel_ids), operation!("delete_channels", "DELETE")).await
}

struct Delete<'a>(&'a [ChannelId]);

impl Batch for Delete<'_> {
    /// Repeated, it would answer 0.
    const KIND: CallKind = CallKind::Once;

    const NAME: &'static str = "channel_ids";

    type Row = ChannelId;

    fn rows(&self) -> &[ChannelId] {
        self.0
    }

    fn key(channel_id: &ChannelId) -> u64 {
        channel_id.get()
    }

    fn bytes(_: &ChannelId) -> usize {
        ID
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, ChannelId>) -> Result<u64, Error> {
        let channel_ids = IterSql(|| part.iter().copied());
        Ok(queries::delete_channels().bind(client, &channel_ids).map(|_| ()).all().await?.rows())
    }
}
