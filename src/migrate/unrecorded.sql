-- Whether tables of the schema are there although no migration was recorded: a database that the Python programs made.
select exists (
  select
  from unnest(array['users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs', 'install_intents']) t
  where to_regclass('public.' || t) is not null
)
