//! A guild's settings. They may exist before the guild, and stay when it is deleted.

use super::{check_settings, stored};
use crate::codegen::queries::guild_settings::{self as queries, GuildSettingsRowBorrowed};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows;
use crate::types::ids::GuildId;
use crate::types::models::GuildSettings;
use crate::types::settings::Settings;

impl Rows for GuildSettings {}

impl TryFrom<GuildSettingsRowBorrowed<'_>> for GuildSettings {
    type Error = Error;

    fn try_from(row: GuildSettingsRowBorrowed<'_>) -> Result<Self, Error> {
        let GuildSettingsRowBorrowed { guild_id, settings, updated_at } = row;
        Ok(Self {
            guild_id: stored("guild_settings.guild_id", guild_id, guild_id)?,
            settings: settings.into(),
            updated_at,
        })
    }
}

/// Returns the settings of a guild; `None` if there are none.
///
/// Needs: select on `guild_settings`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_guild_settings(client: &impl Client, guild_id: GuildId) -> Result<Option<GuildSettings>, Error> {
    read!(client, "get_guild_settings", |on| queries::get_guild_settings()
        .bind(on, &guild_id)
        .map(|row| GuildSettings::try_from(row)))
}

/// Returns the settings of a guild, and creates them from the defaults if there are none. Of many concurrent callers one
/// creates them, and all get the same answer. Existing settings are returned unchanged.
///
/// Idempotent.
///
/// Needs: select, insert, update on `guild_settings`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the defaults are not a JSON object or hold U+0000; else see the [module](super#errors).
pub async fn ensure_guild_settings(
    client: &impl Client,
    guild_id: GuildId,
    defaults: &Settings,
) -> Result<GuildSettings, Error> {
    idempotent!(client, "ensure_guild_settings", "INSERT", || check_settings(client, "defaults", defaults), |on| {
        let query = queries::ensure_guild_settings();
        query.bind(on, &guild_id, defaults).map(|row| GuildSettings::try_from(row)).one().await?
    })
}

/// Replaces the top-level keys that the patch names (`null` is stored as null) and returns the result. If the guild has no
/// settings, returns `None` and creates none. `{}` still sets `updated_at`. If the stored value is not an object, the patch
/// replaces it.
///
/// Idempotent.
///
/// Needs: select, update on `guild_settings`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the patch is not a JSON object or holds U+0000; else see the [module](super#errors).
pub async fn update_guild_settings(
    client: &impl Client,
    guild_id: GuildId,
    patch: &Settings,
) -> Result<Option<GuildSettings>, Error> {
    idempotent!(client, "update_guild_settings", "UPDATE", || check_settings(client, "patch", patch), |on| {
        let query = queries::update_guild_settings();
        query.bind(on, patch, &guild_id).map(|row| GuildSettings::try_from(row)).opt().await?.transpose()
    })
}

/// Replaces the settings as a whole, creates them if there are none, and returns them.
///
/// Idempotent.
///
/// Needs: select, insert, update on `guild_settings`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the settings are not a JSON object or hold U+0000; else see the [module](super#errors).
pub async fn set_guild_settings(
    client: &impl Client,
    guild_id: GuildId,
    settings: &Settings,
) -> Result<GuildSettings, Error> {
    idempotent!(client, "set_guild_settings", "INSERT", || check_settings(client, "settings", settings), |on| {
        let query = queries::set_guild_settings();
        query.bind(on, &guild_id, settings).map(|row| GuildSettings::try_from(row)).one().await?
    })
}
