-- record_scan_progress: the last message that a run has counted, so that a page which is sent again counts once. Nullable and
-- without a default: that takes milliseconds, and programs that know nothing of it go on.
alter table bot_channel_scan_runs add column last_message_id text;
