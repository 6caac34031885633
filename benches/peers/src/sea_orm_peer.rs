//! SeaORM: entities, `insert_many` with `on_conflict`, and SQL by hand where an entity cannot say it. It caches statements,
//! through sqlx.

use chrono::Utc;
use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use sea_orm::sea_query::{Func, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveEnum as _, ColumnTrait as _, ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend,
    DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, Set, Statement, TransactionTrait as _,
    prelude::{Expr, Uuid},
};
use serde_json::Value;

use crate::common::sql;
use crate::peer::{CONNECTIONS, Peer};
use crate::sea_orm_entities::bot_channel_scan_runs::{Column as RunColumn, Entity as ScanRuns, ScanStatus};
use crate::sea_orm_entities::bot_channels::{Column as ChannelColumn, Entity as Channels};
use crate::sea_orm_entities::bot_guilds::{Column as GuildColumn, Entity as Guilds};
use crate::sea_orm_entities::{bot_channels, bot_guilds, guild_settings};

#[derive(Clone)]
pub struct SeaOrm(DatabaseConnection);

impl SeaOrm {
    /// Without a ping before each use of a connection, and without the log of statements.
    pub async fn connect(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(CONNECTIONS).test_before_acquire(false).sqlx_logging(false);
        Self(Database::connect(options).await.expect("the server accepts connections"))
    }
}

impl Peer for SeaOrm {
    type Error = DbErr;
    type GuildSettings = guild_settings::Model;
    type Channel = bot_channels::Model;

    async fn get_guild_settings(&self, guild_id: &str) -> Result<Option<guild_settings::Model>, DbErr> {
        guild_settings::Entity::find_by_id(guild_id).one(&self.0).await
    }

    async fn upsert_guild(&self, guild: &GuildSnapshot) -> Result<(), DbErr> {
        Guilds::insert(row(guild)).on_conflict(replace_guild()).exec_without_returning(&self.0).await?;
        Ok(())
    }

    async fn upsert_guilds(&self, guilds: &[GuildSnapshot]) -> Result<u64, DbErr> {
        let rows = guilds.iter().map(row);
        Guilds::insert_many(rows).on_conflict(replace_guild()).exec_without_returning(&self.0).await
    }

    /// The database's collation is "C".
    async fn get_channels_by_guild(&self, guild_id: &str) -> Result<Vec<bot_channels::Model>, DbErr> {
        Channels::find()
            .filter(ChannelColumn::GuildId.eq(guild_id))
            .order_by_asc(ChannelColumn::Name)
            .order_by_asc(SimpleExpr::from(Func::char_length(Expr::col(ChannelColumn::ChannelId))))
            .order_by_asc(ChannelColumn::ChannelId)
            .all(&self.0)
            .await
    }

    async fn upsert_channels_for_guild(
        &self,
        guild_id: &str,
        channels: &[ChannelSnapshot],
        overrides: &[Value],
    ) -> Result<u64, DbErr> {
        let rows = channels.iter().zip(overrides).map(|(channel, overrides)| bot_channels::ActiveModel {
            channel_id: Set(channel.id.to_string()),
            guild_id: Set(guild_id.to_owned()),
            name: Set(channel.name.clone()),
            kind: Set(channel.kind.clone()),
            is_nsfw: Set(Some(channel.is_nsfw)),
            settings: Set(overrides.clone()),
            ..Default::default()
        });
        let merged = Expr::cust(r#""bot_channels".settings || excluded.settings"#);
        let mut replace = OnConflict::column(ChannelColumn::ChannelId);
        replace
            .update_columns([ChannelColumn::GuildId, ChannelColumn::Name, ChannelColumn::Kind, ChannelColumn::IsNsfw])
            .value(ChannelColumn::Settings, merged);
        Channels::insert_many(rows).on_conflict(replace).exec_without_returning(&self.0).await
    }

    async fn update_channel_progress(
        &self,
        channel_id: &str,
        last_message_id: &str,
        count: i64,
    ) -> Result<bool, DbErr> {
        let cursor = Expr::cust_with_values(
            "case
              when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
                case
                  when last_message_id::numeric between $1::text::numeric and 18446744073709551615
                  then last_message_id
                  else $1
                end
              else $1
            end",
            [last_message_id],
        );
        let updated = Channels::update_many()
            .col_expr(ChannelColumn::LastMessageId, cursor)
            .col_expr(ChannelColumn::MessageCount, Expr::col(ChannelColumn::MessageCount).add(count))
            .col_expr(ChannelColumn::LastScannedAt, Expr::current_timestamp().into())
            .filter(ChannelColumn::ChannelId.eq(channel_id))
            .exec(&self.0)
            .await?;
        Ok(updated.rows_affected == 1)
    }

    async fn scan_run(&self, channel_id: &str) -> Result<(), DbErr> {
        let transaction = self.0.begin().await?;
        let enqueue = Statement::from_sql_and_values(DbBackend::Postgres, sql::ENQUEUE_SCAN_RUN, [channel_id.into()]);
        let run = transaction.query_one(enqueue).await?.expect("the channel is reading");
        let run: Uuid = run.try_get_by_index(0)?;
        ScanRuns::update_many()
            .col_expr(RunColumn::Status, ScanStatus::Running.as_enum())
            .col_expr(RunColumn::StartedAt, Expr::current_timestamp().into())
            .filter(RunColumn::Id.eq(run))
            .filter(RunColumn::Status.eq(ScanStatus::Queued))
            .exec(&transaction)
            .await?;
        for _ in 0..10 {
            ScanRuns::update_many()
                .col_expr(RunColumn::MessagesScanned, Expr::col(RunColumn::MessagesScanned).add(100_i64))
                .col_expr(RunColumn::MessagesMatched, Expr::col(RunColumn::MessagesMatched).add(7_i64))
                .filter(RunColumn::Id.eq(run))
                .exec_with_returning(&transaction)
                .await?;
        }
        ScanRuns::update_many()
            .col_expr(RunColumn::Status, ScanStatus::Succeeded.as_enum())
            .col_expr(RunColumn::FinishedAt, Expr::current_timestamp().into())
            .filter(RunColumn::Id.eq(run))
            .filter(RunColumn::Status.is_in([ScanStatus::Queued, ScanStatus::Running]))
            .exec(&transaction)
            .await?;
        transaction.commit().await
    }
}

fn row(guild: &GuildSnapshot) -> bot_guilds::ActiveModel {
    bot_guilds::ActiveModel {
        guild_id: Set(guild.id.to_string()),
        name: Set(guild.name.clone()),
        icon: Set(guild.icon.clone()),
        owner_user_id: Set(guild.owner_user_id.map(|owner| owner.to_string())),
        joined_at: Set(Some(guild.joined_at.unwrap_or_else(Utc::now))),
        last_seen_at: Set(Some(Utc::now())),
    }
}

/// A known guild keeps when it was joined.
fn replace_guild() -> OnConflict {
    OnConflict::column(GuildColumn::GuildId)
        .update_columns([GuildColumn::Name, GuildColumn::Icon, GuildColumn::OwnerUserId, GuildColumn::LastSeenAt])
        .to_owned()
}
