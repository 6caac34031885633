-- Deletes of the rows with these tables, keys, columns and values ($1 to $4) those whose ids are wrong, and what refers to
-- them. Returns how many rows were deleted: users, install intents, guilds, guild settings, channels, scan runs. The rows are
-- locked as the bot's deletions lock them: guilds, then channels by key. Scan runs go with their channels.
with shown as (
  select table_name, key, column_name, value
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s (table_name, key, column_name, value)
),
doomed_guilds as materialized (
  select guild_id
  from bot_guilds
  where guild_id in (select key from shown where table_name = 'bot_guilds' and column_name = 'guild_id')
  order by guild_id
  for update
),
doomed_channels as materialized (
  select channel_id
  from bot_channels
  where guild_id in (select guild_id from doomed_guilds)
     or channel_id in (select key from shown where table_name = 'bot_channels' and column_name = 'channel_id')
  order by channel_id
  for update
),
doomed_runs as materialized (
  select count(*) as runs from bot_channel_scan_runs where channel_id in (select channel_id from doomed_channels)
),
doomed_users as materialized (
  select discord_user_id
  from users
  where discord_user_id in (select key from shown where table_name = 'users' and column_name = 'discord_user_id')
  order by discord_user_id
  for update
),
intents as (
  delete from install_intents
  where user_id in (select discord_user_id from doomed_users)
     or (state, guild_id) in (
          select key, value from shown where table_name = 'install_intents' and column_name = 'guild_id'
        )
  returning state
),
settings as (
  delete from guild_settings
  where guild_id in (select key from shown where table_name = 'guild_settings' and column_name = 'guild_id')
  returning guild_id
),
channels as (
  delete from bot_channels
  where channel_id in (select channel_id from doomed_channels) and (select runs from doomed_runs) >= 0
  returning channel_id
),
guilds as (
  delete from bot_guilds
  where guild_id in (select guild_id from doomed_guilds) and (select count(*) from channels) >= 0
  returning guild_id
),
people as (
  delete from users
  where discord_user_id in (select discord_user_id from doomed_users) and (select count(*) from guilds) >= 0
  returning discord_user_id
)
select (select count(*) from people), (select count(*) from intents), (select count(*) from guilds),
       (select count(*) from settings), (select count(*) from channels), (select runs from doomed_runs)
