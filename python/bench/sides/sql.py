"""The statements of the experts: plain `unnest`, the results as this package stores them."""

UPSERT_GUILD = """insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
values ($1, $2, $3, $4, coalesce($5, now()), now())
on conflict (guild_id) do update
set name = excluded.name,
    icon = excluded.icon,
    owner_user_id = excluded.owner_user_id,
    last_seen_at = excluded.last_seen_at"""

UPSERT_GUILDS = """insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  as i (guild_id, name, icon, owner_user_id, joined_at)
on conflict (guild_id) do update
set name = excluded.name,
    icon = excluded.icon,
    owner_user_id = excluded.owner_user_id,
    last_seen_at = excluded.last_seen_at"""

UPSERT_CHANNELS = """insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
select i.channel_id, $1, i.name, i.type, i.is_nsfw, coalesce(i.settings, '{}')
from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[])
  as i (channel_id, name, type, is_nsfw, settings)
on conflict (channel_id) do update
set guild_id = excluded.guild_id,
    name = excluded.name,
    type = excluded.type,
    is_nsfw = excluded.is_nsfw,
    settings = c.settings || excluded.settings"""

GET_CHANNELS = """select channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at,
       last_activity_at, message_count, settings, created_at, updated_at
from bot_channels
where guild_id = $1
order by name collate "C" nulls last, length(channel_id), channel_id collate "C\""""

UPDATE_PROGRESS = """update bot_channels
set last_message_id = greatest(last_message_id::numeric, $1::text::numeric)::text,
    message_count = message_count + $2,
    last_scanned_at = now()
where channel_id = $3"""

ENQUEUE = """insert into bot_channel_scan_runs (channel_id, after_message_id)
select channel_id, last_message_id from bot_channels where channel_id = $1 and is_reading for key share
returning id"""

START = """update bot_channel_scan_runs set status = 'running', started_at = now()
where id = $1 and status = 'queued'
returning id"""

SCANNED = """update bot_channel_scan_runs
set messages_scanned = messages_scanned + $1,
    messages_matched = messages_matched + $2
where id = $3
returning messages_scanned, messages_matched"""

SUCCEED = """update bot_channel_scan_runs set status = 'succeeded', finished_at = now()
where id = $1 and status in ('queued', 'running')
returning id"""
