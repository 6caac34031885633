-- What the queries need beside V1. The Python programs that still run on this database notice nothing of it.
-- safe: plain indexes block writes while they are built, but each of these tables is small (a row a guild, an open
-- installation, a channel), so that takes milliseconds.

-- Deleting a user looks for the guilds it owns and the installations it began.
create index idx_bot_guilds_owner on bot_guilds (owner_user_id);
create index idx_install_intents_user on install_intents (user_id);

-- purge_expired_install_intents
create index idx_install_intents_expires on install_intents (expires_at);

-- get_reading_channels: a guild's reading channels, longest unscanned first (idx_bot_channels_work sorts nulls last).
create index idx_bot_channels_reading on bot_channels (guild_id, last_scanned_at nulls first) where is_reading;
