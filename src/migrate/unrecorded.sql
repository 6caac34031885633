-- Whether the schema's tables exist. If no migration is recorded, the Python programs made them.
select exists (
  select
  from unnest(array['users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs', 'install_intents']) t
  where to_regclass('public.' || t) is not null
)
