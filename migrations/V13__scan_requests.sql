-- non-transactional
-- request_scan: of equal requests one is active. A run that is to be canceled is not in the way of a new request.
create unique index concurrently idx_bot_scan_runs_active on bot_channel_scan_runs
  (channel_id, coalesce(after_message_id, ''), coalesce(before_message_id, ''), coalesce(cancel_requested_at, '-infinity'))
  where status in ('queued', 'running') and turn is not null;
