-- non-transactional
-- request_scan: the last turn of a guild's queued runs.
create index concurrently idx_bot_scan_runs_guild_turn on bot_channel_scan_runs (queue_guild_id, priority, turn)
  where status = 'queued' and not_before is null and turn is not null;
