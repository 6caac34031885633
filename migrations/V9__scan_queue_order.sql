-- non-transactional
-- claim_scan_runs: the queue of shared runs, in its order.
create index concurrently idx_bot_scan_runs_queue on bot_channel_scan_runs (priority desc, turn, created_at, id)
  where status = 'queued' and not_before is null and turn is not null;
