-- non-transactional
-- claim_scan_runs: the runs whose lease has expired.
create index concurrently idx_bot_scan_runs_lease on bot_channel_scan_runs (lease_until)
  where status = 'running' and turn is not null;
