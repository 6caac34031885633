//! The tables as diesel knows them: the columns that the operations use.

diesel::table! {
    guild_settings (guild_id) {
        guild_id -> Text,
        settings -> Jsonb,
        updated_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    bot_guilds (guild_id) {
        guild_id -> Text,
        name -> Text,
        icon -> Nullable<Text>,
        owner_user_id -> Nullable<Text>,
        joined_at -> Nullable<Timestamptz>,
        last_seen_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    bot_channels (channel_id) {
        channel_id -> Text,
        guild_id -> Text,
        name -> Nullable<Text>,
        #[sql_name = "type"]
        kind -> Nullable<Text>,
        is_nsfw -> Nullable<Bool>,
        is_reading -> Bool,
        last_message_id -> Nullable<Text>,
        last_scanned_at -> Nullable<Timestamptz>,
        last_activity_at -> Nullable<Timestamptz>,
        message_count -> Int8,
        settings -> Jsonb,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use super::ScanStatusType;
    use diesel::sql_types::*;

    bot_channel_scan_runs (id) {
        id -> Uuid,
        status -> ScanStatusType,
        messages_scanned -> Int8,
        messages_matched -> Int8,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

/// PostgreSQL's type.
#[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "scan_status"))]
pub struct ScanStatusType;
