//! sqlx: SQL by hand, rows by `FromRow`, batches by `unnest`. It caches statements.

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, FromRow, PgPool, query, query_as, query_scalar};
use uuid::Uuid;

use crate::common::sql;
use crate::peer::{CONNECTIONS, Peer};

#[derive(Clone)]
pub struct Sqlx(PgPool);

#[derive(FromRow, Serialize)]
pub struct GuildSettings {
    guild_id: String,
    settings: Value,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(FromRow, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the columns")]
pub struct Channel {
    channel_id: String,
    guild_id: String,
    name: Option<String>,
    #[sqlx(rename = "type")]
    kind: Option<String>,
    is_nsfw: Option<bool>,
    is_reading: bool,
    last_message_id: Option<String>,
    last_scanned_at: Option<DateTime<Utc>>,
    last_activity_at: Option<DateTime<Utc>>,
    message_count: i64,
    settings: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Sqlx {
    /// Without a ping before each use of a connection, and without the log of statements.
    pub async fn connect(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().expect("the URL is valid");
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        Self(pool.connect_with(options.disable_statement_logging()).await.expect("the server accepts connections"))
    }
}

impl Peer for Sqlx {
    type Error = sqlx::Error;
    type GuildSettings = GuildSettings;
    type Channel = Channel;

    async fn get_guild_settings(&self, guild_id: &str) -> Result<Option<GuildSettings>, sqlx::Error> {
        query_as(sql::GET_GUILD_SETTINGS).bind(guild_id).fetch_optional(&self.0).await
    }

    async fn upsert_guild(&self, guild: &GuildSnapshot) -> Result<(), sqlx::Error> {
        query(sql::UPSERT_GUILD)
            .bind(guild.id.to_string())
            .bind(&guild.name)
            .bind(&guild.icon)
            .bind(guild.owner_user_id.map(|owner| owner.to_string()))
            .bind(guild.joined_at)
            .execute(&self.0)
            .await?;
        Ok(())
    }

    async fn upsert_guilds(&self, guilds: &[GuildSnapshot]) -> Result<u64, sqlx::Error> {
        let ids: Vec<_> = guilds.iter().map(|guild| guild.id.to_string()).collect();
        let names: Vec<_> = guilds.iter().map(|guild| guild.name.as_str()).collect();
        let icons: Vec<_> = guilds.iter().map(|guild| guild.icon.as_deref()).collect();
        let owners: Vec<_> = guilds.iter().map(|guild| guild.owner_user_id.map(|owner| owner.to_string())).collect();
        let joined_ats: Vec<_> = guilds.iter().map(|guild| guild.joined_at).collect();
        let written = query(sql::UPSERT_GUILDS)
            .bind(ids)
            .bind(names)
            .bind(icons)
            .bind(owners)
            .bind(joined_ats)
            .execute(&self.0)
            .await?;
        Ok(written.rows_affected())
    }

    async fn get_channels_by_guild(&self, guild_id: &str) -> Result<Vec<Channel>, sqlx::Error> {
        query_as(sql::GET_CHANNELS_BY_GUILD).bind(guild_id).fetch_all(&self.0).await
    }

    async fn upsert_channels_for_guild(
        &self,
        guild_id: &str,
        channels: &[ChannelSnapshot],
        overrides: &[Value],
    ) -> Result<u64, sqlx::Error> {
        let ids: Vec<_> = channels.iter().map(|channel| channel.id.to_string()).collect();
        let names: Vec<_> = channels.iter().map(|channel| channel.name.as_deref()).collect();
        let kinds: Vec<_> = channels.iter().map(|channel| channel.kind.as_deref()).collect();
        let nsfws: Vec<_> = channels.iter().map(|channel| channel.is_nsfw).collect();
        let written = query(sql::UPSERT_CHANNELS_FOR_GUILD)
            .bind(guild_id)
            .bind(ids)
            .bind(names)
            .bind(kinds)
            .bind(nsfws)
            .bind(overrides)
            .execute(&self.0)
            .await?;
        Ok(written.rows_affected())
    }

    async fn update_channel_progress(
        &self,
        channel_id: &str,
        last_message_id: &str,
        count: i64,
    ) -> Result<bool, sqlx::Error> {
        let updated = query(sql::UPDATE_CHANNEL_PROGRESS)
            .bind(last_message_id)
            .bind(count)
            .bind(channel_id)
            .execute(&self.0)
            .await?;
        Ok(updated.rows_affected() == 1)
    }

    async fn scan_run(&self, channel_id: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        let run: Uuid = query_scalar(sql::ENQUEUE_SCAN_RUN).bind(channel_id).fetch_one(&mut *transaction).await?;
        query(sql::MARK_SCAN_STARTED).bind(run).execute(&mut *transaction).await?;
        for _ in 0..10 {
            let _totals: (i64, i64) = query_as(sql::UPDATE_SCAN_PROGRESS)
                .bind(100_i64)
                .bind(7_i64)
                .bind(run)
                .fetch_one(&mut *transaction)
                .await?;
        }
        query(sql::MARK_SCAN_SUCCEEDED).bind(run).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}
