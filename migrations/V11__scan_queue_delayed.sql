-- non-transactional
-- claim_scan_runs: the delayed runs whose time has come.
create index concurrently idx_bot_scan_runs_delayed on bot_channel_scan_runs (not_before)
  where status = 'queued' and not_before is not null and turn is not null;
