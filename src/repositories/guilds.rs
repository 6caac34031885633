//! Guilds: the Discord servers that the bot is in.

use super::parts::{self, Batch, ID, Part};
use super::{
    Texts, bytes_of, channel_bytes, check_batch, check_channels, check_texts, check_time, stored, write_channels, wrote,
};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::client::Params as _;
use crate::codegen::queries::guilds::{self as queries, GuildRowBorrowed, UpsertGuildsParams};
use crate::config::Limits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows as _;
use crate::types::ids::GuildId;
use crate::types::models::Guild;
use crate::types::snapshots::{ChannelSnapshot, GuildSnapshot};

impl TryFrom<GuildRowBorrowed<'_>> for Guild {
    type Error = Error;

    fn try_from(row: GuildRowBorrowed<'_>) -> Result<Self, Error> {
        let GuildRowBorrowed { guild_id, name, icon, owner_user_id, joined_at, last_seen_at } = row;
        let owner = |text| stored("bot_guilds.owner_user_id", guild_id, text);
        Ok(Self {
            guild_id: stored("bot_guilds.guild_id", guild_id, guild_id)?,
            name: name.into(),
            icon: icon.map(Into::into),
            owner_user_id: owner_user_id.map(owner).transpose()?,
            joined_at,
            last_seen_at,
        })
    }
}

/// Returns a guild; `None` if it is not stored.
///
/// Needs: select on `bot_guilds`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_guild(client: &impl Client, guild_id: GuildId) -> Result<Option<Guild>, Error> {
    read!(client, "get_guild", |on| queries::get_guild().bind(on, &guild_id).map(|row| Guild::try_from(row)))
}

/// Returns every guild, by id. Leaves out rows that cannot be read, and [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_guilds`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_guilds(client: &impl Client) -> Result<Vec<Guild>, Error> {
    list!(client, "get_guilds", |on| queries::get_guilds().bind(on).map(|row| Guild::try_from(row)))
}

/// Stores a guild and sets `last_seen_at` to now. A new guild gets the given `joined_at`, or now. In a stored guild name, icon
/// and owner are replaced (`None` clears icon and owner), and `joined_at` is kept. Ignores the snapshot's channels: see
/// [`sync_guild`].
///
/// Idempotent.
///
/// Needs: select, insert, update on `bot_guilds`.
///
/// # Errors
/// [`ErrorKind::ForeignKeyViolation`] (`bot_guilds_owner_user_id_fkey`) if the owner is not in `users`;
/// [`ErrorKind::InvalidInput`] for U+0000; else see the [module](super#errors).
pub async fn upsert_guild(client: &impl Client, guild: &GuildSnapshot) -> Result<(), Error> {
    idempotent!(
        client,
        "upsert_guild",
        "INSERT",
        || check(guild),
        || parts::check_bytes("guild", std::iter::once(bytes(guild)), client.limits()),
        |on| {
            let GuildSnapshot { id, name, icon, owner_user_id, joined_at, .. } = guild;
            queries::upsert_guild().bind(on, id, name, icon, owner_user_id, joined_at).await?;
            Ok(())
        }
    )
}

/// Stores a batch of guilds as [`upsert_guild`] does, atomically; returns how many distinct guilds were written.
///
/// Idempotent.
///
/// Needs: select, insert, update on `bot_guilds`.
///
/// # Errors
/// As [`upsert_guild`]; nothing of the batch is stored then.
pub async fn upsert_guilds(client: &impl Client, guilds: &[GuildSnapshot]) -> Result<u64, Error> {
    parts::write(client, &Upsert(guilds), operation!("upsert_guilds", "INSERT")).await
}

struct Upsert<'a>(&'a [GuildSnapshot]);

impl Batch for Upsert<'_> {
    const NAME: &'static str = "guilds";

    type Row = GuildSnapshot;

    fn rows(&self) -> &[GuildSnapshot] {
        self.0
    }

    fn check(&self, _: &Limits) -> Result<(), Error> {
        check_batch(Self::NAME, self.0, check)
    }

    fn key(guild: &GuildSnapshot) -> u64 {
        guild.id.get()
    }

    fn bytes(guild: &GuildSnapshot) -> usize {
        bytes(guild)
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, GuildSnapshot>) -> Result<u64, Error> {
        let guilds = part.distinct(Self::key);
        let params = UpsertGuildsParams {
            guild_ids: IterSql(|| guilds.iter().map(|guild| guild.id)),
            names: IterSql(|| guilds.iter().map(|guild| guild.name.as_str())),
            icons: IterSql(|| guilds.iter().map(|guild| guild.icon.as_deref())),
            owner_user_ids: IterSql(|| guilds.iter().map(|guild| guild.owner_user_id)),
            joined_ats: IterSql(|| guilds.iter().map(|guild| guild.joined_at)),
        };
        queries::upsert_guilds().params(client, &params).one().await?;
        Ok(guilds.len() as u64)
    }
}

/// Deletes guilds with their channels and scan runs, and returns how many guilds were deleted. Guild settings stay.
///
/// This is always one statement: it locks all guilds first, then the channels of all guilds in key order.
///
/// Not idempotent: repeated, it deletes nothing more, but answers 0.
///
/// Needs: select, update, delete on `bot_guilds`; select, update on `bot_channels`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn delete_guilds(client: &impl Client, guild_ids: &[GuildId]) -> Result<u64, Error> {
    if guild_ids.is_empty() {
        return Ok(0);
    }
    once!(
        client,
        "delete_guilds",
        "DELETE",
        || parts::check_bytes("guild_ids", guild_ids.iter().map(|_| ID), client.limits()),
        |on| Ok(queries::delete_guilds().bind(on, &guild_ids).map(|_| ()).all().await?.rows())
    )
}

/// Sets a guild's `last_seen_at` to now; returns whether it exists.
///
/// Idempotent.
///
/// Needs: select, update on `bot_guilds`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn touch_guild(client: &impl Client, guild_id: GuildId) -> Result<bool, Error> {
    idempotent!(client, "touch_guild", "UPDATE", |on| wrote(queries::touch_guild().bind(on, &guild_id)).await)
}

/// Stores a guild with its channels, atomically, and returns how many distinct channels were written. The guild is stored as by
/// [`upsert_guild`], the channels as by [`upsert_channels_for_guild`](super::upsert_channels_for_guild). An owner who is not
/// in `users` is added with only the id. Channels that the snapshot does not name stay.
///
/// Idempotent.
///
/// Needs: select, insert on `users`; usage on `users_id_seq`; select, insert, update on `bot_guilds`; select, insert,
/// update on `bot_channels`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000 and for overrides that are not a JSON object; [`ErrorKind::ForeignKeyViolation`] if
/// the owner is deleted meanwhile; else see the [module](super#errors).
pub async fn sync_guild(client: &impl Client, guild: &GuildSnapshot) -> Result<u64, Error> {
    parts::write(client, &WithChannels(guild), operation!("sync_guild", "INSERT")).await
}

/// A batch of a guild's channels. The first part also writes the guild.
struct WithChannels<'a>(&'a GuildSnapshot);

impl Batch for WithChannels<'_> {
    const NAME: &'static str = "channels";

    type Row = ChannelSnapshot;

    fn rows(&self) -> &[ChannelSnapshot] {
        &self.0.channels
    }

    /// Without channels the guild is still to be written.
    fn is_empty(&self) -> bool {
        false
    }

    fn check(&self, limits: &Limits) -> Result<(), Error> {
        check(self.0)?;
        parts::check_bytes("guild", std::iter::once(bytes(self.0)), limits)?;
        check_channels(&self.0.channels, limits)
    }

    fn key(channel: &ChannelSnapshot) -> u64 {
        channel.id.get()
    }

    fn bytes(channel: &ChannelSnapshot) -> usize {
        channel_bytes(channel)
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, ChannelSnapshot>) -> Result<u64, Error> {
        write_channels(client, self.0.id, part.is_first.then_some(self.0), part).await
    }
}

fn texts(guild: &GuildSnapshot) -> Texts<'_, 2> {
    let GuildSnapshot { id: _, name, icon, owner_user_id: _, joined_at: _, channels: _ } = guild;
    [("name", Some(name)), ("icon", icon.as_deref())]
}

fn bytes(guild: &GuildSnapshot) -> usize {
    2 * ID + bytes_of(texts(guild))
}

fn check(guild: &GuildSnapshot) -> Result<(), Error> {
    check_texts(texts(guild))?;
    check_time("joined_at", guild.joined_at)
}
