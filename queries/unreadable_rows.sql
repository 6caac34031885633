-- Rows with values that this version cannot read, in every table: older programs or people stored them. Lists leave them out.

--! get_unreadable_rows
--- The values that cannot be read: ids that are no snowflakes (src/types/ids.rs) and times that chrono cannot hold. An
--- unreadable cursor is none of them: it counts as none. Wrong ids come before times, because
--- `clip-db unreadable --delete` deletes those; then rows that others refer to come first. Reads every table: for people.
with /* get_unreadable_rows */ ids (place, table_name, key, column_name, value) as (
  select 1, 'users', discord_user_id, 'discord_user_id', discord_user_id from users
  union all
  select 2, 'bot_guilds', guild_id, 'guild_id', guild_id from bot_guilds
  union all
  select 2, 'bot_guilds', guild_id, 'owner_user_id', owner_user_id from bot_guilds
  union all
  select 3, 'guild_settings', guild_id, 'guild_id', guild_id from guild_settings
  union all
  select 4, 'bot_channels', channel_id, 'channel_id', channel_id from bot_channels
  union all
  select 4, 'bot_channels', channel_id, 'guild_id', guild_id from bot_channels
  union all
  select 5, 'install_intents', state, 'user_id', user_id from install_intents
  union all
  select 5, 'install_intents', state, 'guild_id', guild_id from install_intents
  union all
  select 6, 'bot_channel_scan_runs', id::text, 'channel_id', channel_id from bot_channel_scan_runs
),
times (place, table_name, key, column_name, value) as (
  select 1, 'users', discord_user_id, 'last_login_at', last_login_at from users
  union all
  select 2, 'bot_guilds', guild_id, 'joined_at', joined_at from bot_guilds
  union all
  select 2, 'bot_guilds', guild_id, 'last_seen_at', last_seen_at from bot_guilds
  union all
  select 3, 'guild_settings', guild_id, 'updated_at', updated_at from guild_settings
  union all
  select 4, 'bot_channels', channel_id, 'last_scanned_at', last_scanned_at from bot_channels
  union all
  select 4, 'bot_channels', channel_id, 'last_activity_at', last_activity_at from bot_channels
  union all
  select 4, 'bot_channels', channel_id, 'created_at', created_at from bot_channels
  union all
  select 4, 'bot_channels', channel_id, 'updated_at', updated_at from bot_channels
  union all
  select 5, 'install_intents', state, 'created_at', created_at at time zone 'utc' from install_intents
  union all
  select 5, 'install_intents', state, 'expires_at', expires_at at time zone 'utc' from install_intents
  union all
  select 6, 'bot_channel_scan_runs', id::text, 'started_at', started_at from bot_channel_scan_runs
  union all
  select 6, 'bot_channel_scan_runs', id::text, 'finished_at', finished_at from bot_channel_scan_runs
  union all
  select 6, 'bot_channel_scan_runs', id::text, 'created_at', created_at from bot_channel_scan_runs
),
unreadable as (
  -- Texts of 20 digits compare as the numbers do.
  select place, table_name, key, column_name, value, 'is not a Discord snowflake' as reason,
         false as is_time
  from ids
  where value !~ '^(0|[1-9][0-9]{0,19})$'
     or length(value) = 20 and value collate "C" > '18446744073709551615'
  union all
  select place, table_name, key, column_name, (value at time zone 'utc')::text, 'is not a time that this version can read',
         true
  from times
  where not isfinite(value) or value >= '262143-01-01 00:00:00+00'
)
select table_name, key, column_name, value, reason
from unreadable
order by is_time, place, key collate "C", column_name
limit :limit;
