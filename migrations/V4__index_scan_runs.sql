-- non-transactional
-- get_scan_runs: its whole order, so that nothing is left to sort. V5 drops idx_bot_scan_runs_channel, which this begins
-- like.
create index concurrently idx_bot_scan_runs_newest on bot_channel_scan_runs (channel_id, created_at desc, id);
