//! The same operations written by hand with tokio-postgres, as its documentation shows them: statements prepared once and
//! held, batches by `unnest`, rows streamed into owned structs of `String` and `serde_json::Value`.
//!
//! The SQL is the same, so only the way to the server and back differs, with two exceptions. The database sorts the list of
//! channels, as most programs would have it; the crate sorts it after reading. Batches are the plainest right statement: it
//! fails if a key comes twice, locks rows as they come, and takes stored settings to be an object.

use std::pin::pin;

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use futures::TryStreamExt as _;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::types::{Json, ToSql};
use tokio_postgres::{Client, Error, GenericClient, Row, Statement};
use uuid::Uuid;

use super::sql::{
    ENQUEUE_SCAN_RUN, GET_CHANNELS_BY_GUILD, GET_GUILD_SETTINGS, MARK_SCAN_STARTED, MARK_SCAN_SUCCEEDED,
    UPDATE_CHANNEL_PROGRESS, UPDATE_SCAN_PROGRESS, UPSERT_CHANNELS_FOR_GUILD, UPSERT_GUILD, UPSERT_GUILDS,
};

/// A guild's settings.
pub struct GuildSettings {
    pub guild_id: String,
    pub settings: Value,
    pub updated_at: Option<DateTime<Utc>>,
}

/// A channel.
#[expect(clippy::struct_field_names, reason = "they are the columns")]
pub struct Channel<J> {
    pub channel_id: String,
    pub guild_id: String,
    pub name: Option<String>,
    pub kind: Option<String>,
    pub is_nsfw: Option<bool>,
    pub is_reading: bool,
    pub last_message_id: Option<String>,
    pub last_scanned_at: Option<DateTime<Utc>>,
    pub last_activity_at: Option<DateTime<Utc>>,
    pub message_count: i64,
    pub settings: J,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl<J> Channel<J> {
    fn from_row(row: &Row, settings: J) -> Result<Self, Error> {
        Ok(Self {
            channel_id: row.try_get(0)?,
            guild_id: row.try_get(1)?,
            name: row.try_get(2)?,
            kind: row.try_get(3)?,
            is_nsfw: row.try_get(4)?,
            is_reading: row.try_get(5)?,
            last_message_id: row.try_get(6)?,
            last_scanned_at: row.try_get(7)?,
            last_activity_at: row.try_get(8)?,
            message_count: row.try_get(9)?,
            settings,
            created_at: row.try_get(11)?,
            updated_at: row.try_get(12)?,
        })
    }
}

/// A channel's settings, parsed.
pub fn parsed(row: &Row) -> Result<Value, Error> {
    row.try_get(10)
}

/// A channel's settings, not parsed.
pub fn text(row: &Row) -> Result<Box<RawValue>, Error> {
    row.try_get(10).map(|Json(settings)| settings)
}

/// The prepared statements of one connection.
pub struct Statements {
    get_guild_settings: Statement,
    upsert_guild: Statement,
    upsert_guilds: Statement,
    get_channels_by_guild: Statement,
    upsert_channels_for_guild: Statement,
    update_channel_progress: Statement,
    enqueue_scan_run: Statement,
    mark_scan_started: Statement,
    update_scan_progress: Statement,
    mark_scan_succeeded: Statement,
}

impl Statements {
    /// Prepares them all.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            get_guild_settings: client.prepare(GET_GUILD_SETTINGS).await?,
            upsert_guild: client.prepare(UPSERT_GUILD).await?,
            upsert_guilds: client.prepare(UPSERT_GUILDS).await?,
            get_channels_by_guild: client.prepare(GET_CHANNELS_BY_GUILD).await?,
            upsert_channels_for_guild: client.prepare(UPSERT_CHANNELS_FOR_GUILD).await?,
            update_channel_progress: client.prepare(UPDATE_CHANNEL_PROGRESS).await?,
            enqueue_scan_run: client.prepare(ENQUEUE_SCAN_RUN).await?,
            mark_scan_started: client.prepare(MARK_SCAN_STARTED).await?,
            update_scan_progress: client.prepare(UPDATE_SCAN_PROGRESS).await?,
            mark_scan_succeeded: client.prepare(MARK_SCAN_SUCCEEDED).await?,
        })
    }

    pub async fn get_guild_settings(
        &self,
        client: &impl GenericClient,
        guild_id: &str,
    ) -> Result<Option<GuildSettings>, Error> {
        let row = client.query_opt(&self.get_guild_settings, &[&guild_id]).await?;
        row.map(|row| {
            Ok(GuildSettings { guild_id: row.try_get(0)?, settings: row.try_get(1)?, updated_at: row.try_get(2)? })
        })
        .transpose()
    }

    pub async fn upsert_guild(&self, client: &impl GenericClient, guild: &GuildSnapshot) -> Result<(), Error> {
        let (id, owner) = (guild.id.to_string(), guild.owner_user_id.map(|owner| owner.to_string()));
        let params: [&(dyn ToSql + Sync); 5] = [&id, &guild.name, &guild.icon, &owner, &guild.joined_at];
        client.execute(&self.upsert_guild, &params).await?;
        Ok(())
    }

    pub async fn upsert_guilds(&self, client: &impl GenericClient, guilds: &[GuildSnapshot]) -> Result<u64, Error> {
        let ids: Vec<String> = guilds.iter().map(|guild| guild.id.to_string()).collect();
        let names: Vec<&str> = guilds.iter().map(|guild| guild.name.as_str()).collect();
        let icons: Vec<Option<&str>> = guilds.iter().map(|guild| guild.icon.as_deref()).collect();
        let owners: Vec<Option<String>> =
            guilds.iter().map(|guild| guild.owner_user_id.map(|owner| owner.to_string())).collect();
        let joined_ats: Vec<Option<DateTime<Utc>>> = guilds.iter().map(|guild| guild.joined_at).collect();
        client.execute(&self.upsert_guilds, &[&ids, &names, &icons, &owners, &joined_ats]).await
    }

    pub async fn get_channels_by_guild<J>(
        &self,
        client: &impl GenericClient,
        guild_id: &str,
        settings: fn(&Row) -> Result<J, Error>,
    ) -> Result<Vec<Channel<J>>, Error> {
        let mut rows = pin!(client.query_raw(&self.get_channels_by_guild, [guild_id]).await?);
        let mut channels = Vec::new();
        while let Some(row) = rows.try_next().await? {
            channels.push(Channel::from_row(&row, settings(&row)?)?);
        }
        Ok(channels)
    }

    pub async fn upsert_channels_for_guild(
        &self,
        client: &impl GenericClient,
        guild_id: &str,
        channels: &[ChannelSnapshot],
        overrides: &[Value],
    ) -> Result<u64, Error> {
        let ids: Vec<String> = channels.iter().map(|channel| channel.id.to_string()).collect();
        let names: Vec<Option<&str>> = channels.iter().map(|channel| channel.name.as_deref()).collect();
        let kinds: Vec<Option<&str>> = channels.iter().map(|channel| channel.kind.as_deref()).collect();
        let nsfws: Vec<bool> = channels.iter().map(|channel| channel.is_nsfw).collect();
        let params: [&(dyn ToSql + Sync); 6] = [&guild_id, &ids, &names, &kinds, &nsfws, &overrides];
        client.execute(&self.upsert_channels_for_guild, &params).await
    }

    pub async fn update_channel_progress(
        &self,
        client: &impl GenericClient,
        channel_id: &str,
        last_message_id: &str,
        count: i64,
    ) -> Result<bool, Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&last_message_id, &count, &channel_id];
        Ok(client.execute(&self.update_channel_progress, &params).await? == 1)
    }

    pub async fn enqueue_scan_run(&self, client: &impl GenericClient, channel_id: &str) -> Result<Uuid, Error> {
        client.query_one(&self.enqueue_scan_run, &[&channel_id]).await?.try_get(0)
    }

    pub async fn mark_scan_started(&self, client: &impl GenericClient, run: Uuid) -> Result<bool, Error> {
        Ok(client.execute(&self.mark_scan_started, &[&run]).await? == 1)
    }

    pub async fn update_scan_progress(
        &self,
        client: &impl GenericClient,
        run: Uuid,
        scanned: i64,
        matched: i64,
    ) -> Result<(i64, i64), Error> {
        let row = client.query_one(&self.update_scan_progress, &[&scanned, &matched, &run]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    pub async fn mark_scan_succeeded(&self, client: &impl GenericClient, run: Uuid) -> Result<bool, Error> {
        Ok(client.execute(&self.mark_scan_succeeded, &[&run]).await? == 1)
    }
}
