//! diesel-async: its query builder, and `sql_query` for what that cannot say: batches by `unnest`, a cursor that never moves
//! back. It caches the statements of reads; updates, upserts and `sql_query` are prepared at each call.

use std::io::Write as _;

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use diesel::deserialize::QueryableByName;
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel::upsert::excluded;
use diesel::{QueryResult, define_sql_function, insert_into, serialize, sql_query, update};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl};
use futures::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::common::sql;
use crate::diesel_schema::{ScanStatusType, bot_channels, bot_guilds, guild_settings};
use crate::peer::{CONNECTIONS, Peer};

define_sql_function!(fn length(text: Text) -> Integer);

#[derive(Clone)]
pub struct Diesel(Pool<AsyncPgConnection>);

#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = guild_settings, check_for_backend(Pg))]
pub struct GuildSettings {
    guild_id: String,
    settings: Value,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = bot_channels, check_for_backend(Pg))]
pub struct Channel {
    channel_id: String,
    guild_id: String,
    name: Option<String>,
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

#[derive(QueryableByName)]
struct Run {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
}

#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = ScanStatusType)]
enum ScanStatus {
    Queued,
    Running,
    Succeeded,
}

impl ToSql<ScanStatusType, Pg> for ScanStatus {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(match self {
            Self::Queued => b"queued",
            Self::Running => b"running",
            Self::Succeeded => b"succeeded",
        })?;
        Ok(IsNull::No)
    }
}

impl Diesel {
    /// Without a ping before each use of a connection.
    pub fn new(url: &str) -> Self {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config));
        Self(pool.max_size(CONNECTIONS as usize).build().expect("the pool is configured"))
    }

    async fn connection(&self) -> Object<AsyncPgConnection> {
        self.0.get().await.expect("the server accepts connections")
    }
}

impl Peer for Diesel {
    type Error = diesel::result::Error;
    type GuildSettings = GuildSettings;
    type Channel = Channel;

    async fn get_guild_settings(&self, guild_id: &str) -> QueryResult<Option<GuildSettings>> {
        let query = guild_settings::table.find(guild_id).select(GuildSettings::as_select());
        query.first(&mut self.connection().await).await.optional()
    }

    async fn upsert_guild(&self, guild: &GuildSnapshot) -> QueryResult<()> {
        let owner = guild.owner_user_id.map(|owner| owner.to_string());
        insert_into(bot_guilds::table)
            .values((
                bot_guilds::guild_id.eq(guild.id.to_string()),
                bot_guilds::name.eq(&guild.name),
                bot_guilds::icon.eq(&guild.icon),
                bot_guilds::owner_user_id.eq(owner),
                bot_guilds::joined_at.eq(guild.joined_at.unwrap_or_else(Utc::now)),
                bot_guilds::last_seen_at.eq(Utc::now()),
            ))
            .on_conflict(bot_guilds::guild_id)
            .do_update()
            .set((
                bot_guilds::name.eq(excluded(bot_guilds::name)),
                bot_guilds::icon.eq(excluded(bot_guilds::icon)),
                bot_guilds::owner_user_id.eq(excluded(bot_guilds::owner_user_id)),
                bot_guilds::last_seen_at.eq(excluded(bot_guilds::last_seen_at)),
            ))
            .execute(&mut self.connection().await)
            .await?;
        Ok(())
    }

    async fn upsert_guilds(&self, guilds: &[GuildSnapshot]) -> QueryResult<u64> {
        let ids: Vec<_> = guilds.iter().map(|guild| guild.id.to_string()).collect();
        let names: Vec<_> = guilds.iter().map(|guild| guild.name.as_str()).collect();
        let icons: Vec<_> = guilds.iter().map(|guild| guild.icon.as_deref()).collect();
        let owners: Vec<_> = guilds.iter().map(|guild| guild.owner_user_id.map(|owner| owner.to_string())).collect();
        let joined_ats: Vec<_> = guilds.iter().map(|guild| guild.joined_at).collect();
        let written = sql_query(sql::UPSERT_GUILDS)
            .bind::<Array<Text>, _>(ids)
            .bind::<Array<Text>, _>(names)
            .bind::<Array<Nullable<Text>>, _>(icons)
            .bind::<Array<Nullable<Text>>, _>(owners)
            .bind::<Array<Nullable<Timestamptz>>, _>(joined_ats)
            .execute(&mut self.connection().await)
            .await?;
        Ok(written as u64)
    }

    /// The database's collation is "C".
    async fn get_channels_by_guild(&self, guild_id: &str) -> QueryResult<Vec<Channel>> {
        bot_channels::table
            .filter(bot_channels::guild_id.eq(guild_id))
            .order((bot_channels::name, length(bot_channels::channel_id), bot_channels::channel_id))
            .select(Channel::as_select())
            .load(&mut self.connection().await)
            .await
    }

    async fn upsert_channels_for_guild(
        &self,
        guild_id: &str,
        channels: &[ChannelSnapshot],
        overrides: &[Value],
    ) -> QueryResult<u64> {
        let ids: Vec<_> = channels.iter().map(|channel| channel.id.to_string()).collect();
        let names: Vec<_> = channels.iter().map(|channel| channel.name.as_deref()).collect();
        let kinds: Vec<_> = channels.iter().map(|channel| channel.kind.as_deref()).collect();
        let nsfws: Vec<_> = channels.iter().map(|channel| channel.is_nsfw).collect();
        let written = sql_query(sql::UPSERT_CHANNELS_FOR_GUILD)
            .bind::<Text, _>(guild_id)
            .bind::<Array<Text>, _>(ids)
            .bind::<Array<Nullable<Text>>, _>(names)
            .bind::<Array<Nullable<Text>>, _>(kinds)
            .bind::<Array<Bool>, _>(nsfws)
            .bind::<Array<Jsonb>, _>(overrides)
            .execute(&mut self.connection().await)
            .await?;
        Ok(written as u64)
    }

    async fn update_channel_progress(&self, channel_id: &str, last_message_id: &str, count: i64) -> QueryResult<bool> {
        let updated = sql_query(sql::UPDATE_CHANNEL_PROGRESS)
            .bind::<Text, _>(last_message_id)
            .bind::<BigInt, _>(count)
            .bind::<Text, _>(channel_id)
            .execute(&mut self.connection().await)
            .await?;
        Ok(updated == 1)
    }

    async fn scan_run(&self, channel_id: &str) -> QueryResult<()> {
        self.connection().await.transaction(async |connection| scan_run(connection, channel_id).await).await
    }
}

/// Sends the ten updates of the totals together.
async fn scan_run(mut connection: &AsyncPgConnection, channel_id: &str) -> QueryResult<()> {
    use crate::diesel_schema::bot_channel_scan_runs::dsl::{
        bot_channel_scan_runs, finished_at, messages_matched, messages_scanned, started_at, status,
    };
    let Run { id } = sql_query(sql::ENQUEUE_SCAN_RUN).bind::<Text, _>(channel_id).get_result(&mut connection).await?;
    update(bot_channel_scan_runs.find(id).filter(status.eq(ScanStatus::Queued)))
        .set((status.eq(ScanStatus::Running), started_at.eq(diesel::dsl::now)))
        .execute(&mut connection)
        .await?;
    try_join_all((0..10).map(|_| {
        update(bot_channel_scan_runs.find(id))
            .set((messages_scanned.eq(messages_scanned + 100_i64), messages_matched.eq(messages_matched + 7_i64)))
            .returning((messages_scanned, messages_matched))
            .get_result::<(i64, i64)>(&mut &*connection)
    }))
    .await?;
    update(bot_channel_scan_runs.find(id).filter(status.eq_any([ScanStatus::Queued, ScanStatus::Running])))
        .set((status.eq(ScanStatus::Succeeded), finished_at.eq(diesel::dsl::now)))
        .execute(&mut connection)
        .await?;
    Ok(())
}
