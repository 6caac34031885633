//! The SQL of the hand-written side. `benches/peers` uses it, too, wherever a library takes SQL.

pub const GET_GUILD_SETTINGS: &str = "select guild_id, settings, updated_at from guild_settings where guild_id = $1";

pub const UPSERT_GUILD: &str = "insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
values ($1, $2, $3, $4, coalesce($5, now()), now())
on conflict (guild_id) do update
set name = excluded.name,
    icon = excluded.icon,
    owner_user_id = excluded.owner_user_id,
    last_seen_at = excluded.last_seen_at";

pub const UPSERT_GUILDS: &str = "insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  as i (guild_id, name, icon, owner_user_id, joined_at)
on conflict (guild_id) do update
set name = excluded.name,
    icon = excluded.icon,
    owner_user_id = excluded.owner_user_id,
    last_seen_at = excluded.last_seen_at";

pub const GET_CHANNELS_BY_GUILD: &str = r#"select channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at,
       message_count, settings, created_at, updated_at
from bot_channels
where guild_id = $1
order by name collate "C" nulls last, length(channel_id), channel_id collate "C""#;

pub const UPSERT_CHANNELS_FOR_GUILD: &str =
    "insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
select i.channel_id, $1, i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}')
from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[])
  as i (channel_id, name, type, is_nsfw, overrides)
on conflict (channel_id) do update
set guild_id = excluded.guild_id,
    name = excluded.name,
    type = excluded.type,
    is_nsfw = excluded.is_nsfw,
    settings = c.settings || excluded.settings";

pub const UPDATE_CHANNEL_PROGRESS: &str = "update bot_channels
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
where channel_id = $3";

pub const ENQUEUE_SCAN_RUN: &str = "with channel as materialized (
  select channel_id, last_message_id from bot_channels where channel_id = $1 and is_reading for key share
)
insert into bot_channel_scan_runs (channel_id, after_message_id)
select channel_id,
       case
         when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
           case when last_message_id::numeric <= 18446744073709551615 then last_message_id end
       end
from channel
returning id";

pub const MARK_SCAN_STARTED: &str = "update bot_channel_scan_runs
set status = 'running',
    started_at = now()
where id = $1 and status = 'queued'";

pub const UPDATE_SCAN_PROGRESS: &str = "update bot_channel_scan_runs
set messages_scanned = messages_scanned + $1,
    messages_matched = messages_matched + $2
where id = $3
returning messages_scanned, messages_matched";

pub const MARK_SCAN_SUCCEEDED: &str = "update bot_channel_scan_runs
set status = 'succeeded',
    finished_at = now()
where id = $1 and status in ('queued', 'running')";
