//! sqlx: SQL by hand, rows by `FromRow`, batches by `unnest`. It caches statements.

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, FromRow, PgPool, query, query_as, query_scalar};
use uuid::Uuid;

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
        query_as("select guild_id, settings, updated_at from guild_settings where guild_id = $1")
            .bind(guild_id)
            .fetch_optional(&self.0)
            .await
    }

    async fn upsert_guild(&self, guild: &GuildSnapshot) -> Result<(), sqlx::Error> {
        query(
            "insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
            values ($1, $2, $3, $4, coalesce($5, now()), now())
            on conflict (guild_id) do update
            set name = excluded.name,
                icon = excluded.icon,
                owner_user_id = excluded.owner_user_id,
                last_seen_at = excluded.last_seen_at",
        )
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
        let written = query(
            "insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
            select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now()
            from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
              as t (guild_id, name, icon, owner_user_id, joined_at)
            on conflict (guild_id) do update
            set name = excluded.name,
                icon = excluded.icon,
                owner_user_id = excluded.owner_user_id,
                last_seen_at = excluded.last_seen_at",
        )
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
        query_as(
            r#"select channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at,
                      last_activity_at, message_count, settings, created_at, updated_at
            from bot_channels
            where guild_id = $1
            order by name collate "C" nulls last, length(channel_id), channel_id collate "C""#,
        )
        .bind(guild_id)
        .fetch_all(&self.0)
        .await
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
        let written = query(
            "insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
            select channel_id, $1, name, type, is_nsfw, overrides
            from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[])
              as t (channel_id, name, type, is_nsfw, overrides)
            on conflict (channel_id) do update
            set guild_id = excluded.guild_id,
                name = excluded.name,
                type = excluded.type,
                is_nsfw = excluded.is_nsfw,
                settings = case
                  when excluded.settings = '{}' then c.settings
                  when jsonb_typeof(c.settings) = 'object' then c.settings || excluded.settings
                  else excluded.settings
                end",
        )
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
        let updated = query(
            "update bot_channels
            set last_message_id = case
                  when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
                    case
                      when last_message_id::numeric between $1::text::numeric and 18446744073709551615
                      then last_message_id
                      else $1
                    end
                  else $1
                end,
                message_count = message_count + $2,
                last_scanned_at = now()
            where channel_id = $3",
        )
        .bind(last_message_id)
        .bind(count)
        .bind(channel_id)
        .execute(&self.0)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    async fn scan_run(&self, channel_id: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        let run: Uuid = query_scalar(
            "with channel as materialized (
              select channel_id, last_message_id from bot_channels where channel_id = $1 and is_reading for key share
            )
            insert into bot_channel_scan_runs (channel_id, after_message_id)
            select channel_id,
                   case
                     when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
                       case when last_message_id::numeric <= 18446744073709551615 then last_message_id end
                   end
            from channel
            returning id",
        )
        .bind(channel_id)
        .fetch_one(&mut *transaction)
        .await?;
        query(
            "update bot_channel_scan_runs set status = 'running', started_at = now() where id = $1 and status = 'queued'",
        )
        .bind(run)
        .execute(&mut *transaction)
        .await?;
        for _ in 0..10 {
            let _totals: (i64, i64) = query_as(
                "update bot_channel_scan_runs
                set messages_scanned = messages_scanned + $1,
                    messages_matched = messages_matched + $2
                where id = $3
                returning messages_scanned, messages_matched",
            )
            .bind(100_i64)
            .bind(7_i64)
            .bind(run)
            .fetch_one(&mut *transaction)
            .await?;
        }
        query(
            "update bot_channel_scan_runs
            set status = 'succeeded', finished_at = now()
            where id = $1 and status in ('queued', 'running')",
        )
        .bind(run)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }
}
