-- How many rows delete.sql would delete of the rows with these tables, keys, columns and values ($1 to $4), with those that
-- refer to them: users, install intents, guilds, guild settings, channels, scan runs.
with shown as (
  select table_name, key, column_name, value
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s (table_name, key, column_name, value)
),
doomed_users as (
  select key from shown where table_name = 'users' and column_name = 'discord_user_id'
),
doomed_guilds as (
  select key from shown where table_name = 'bot_guilds' and column_name = 'guild_id'
),
doomed_channels as (
  select channel_id
  from bot_channels
  where guild_id in (select key from doomed_guilds)
     or channel_id in (select key from shown where table_name = 'bot_channels' and column_name = 'channel_id')
)
select (select count(*) from users where discord_user_id in (select key from doomed_users)),
       (
         select count(*)
         from install_intents
         where user_id in (select key from doomed_users)
            or (state, guild_id) in (
                 select key, value from shown where table_name = 'install_intents' and column_name = 'guild_id'
               )
       ),
       (select count(*) from bot_guilds where guild_id in (select key from doomed_guilds)),
       (
         select count(*)
         from guild_settings
         where guild_id in (select key from shown where table_name = 'guild_settings' and column_name = 'guild_id')
       ),
       (select count(*) from doomed_channels),
       (select count(*) from bot_channel_scan_runs where channel_id in (select channel_id from doomed_channels))
