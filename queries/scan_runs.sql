-- Scan runs: one pass of the worker over a channel. queued → running → succeeded, failed or canceled; a queued run may
-- also finish at once. A finished run's status and times never change again.

--: ScanRunRow(after_message_id?, before_message_id?, error_message?, started_at?, finished_at?)

--! get_scan_run : ScanRunRow
--- One run by id.
select /* get_scan_run */
       id, channel_id, after_message_id, before_message_id, status, messages_scanned, messages_matched, error_message,
       started_at, finished_at, created_at
from bot_channel_scan_runs
where id = :id;

--! get_scan_runs : ScanRunRow
--- A channel's runs, newest first.
select /* get_scan_runs */
       id, channel_id, after_message_id, before_message_id, status, messages_scanned, messages_matched, error_message,
       started_at, finished_at, created_at
from bot_channel_scan_runs
where channel_id = :channel_id
order by created_at desc, id
limit :limit;

--! enqueue_scan_run
--- A queued run that starts after the channel's cursor, if the channel is there and reading. The lock keeps a racing
--- delete from turning this into a foreign key error. A cursor that is no snowflake is not copied.
with /* enqueue_scan_run */ channel as materialized (
  select channel_id, last_message_id from bot_channels where channel_id = :channel_id and is_reading for key share
)
insert into bot_channel_scan_runs (channel_id, after_message_id)
select channel_id,
       case
         when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
           case when last_message_id::numeric <= 18446744073709551615 then last_message_id end
       end
from channel
returning id;

--! mark_scan_started
--- queued → running. Of concurrent callers the row lock lets one see 'queued'.
update /* mark_scan_started */ bot_channel_scan_runs
set status = 'running',
    started_at = now()
where id = :id and status = 'queued'
returning id;

--! update_scan_progress
--- Adds to both counters, in any status; returns the totals.
update /* update_scan_progress */ bot_channel_scan_runs
set messages_scanned = messages_scanned + :scanned,
    messages_matched = messages_matched + :matched
where id = :id
returning messages_scanned, messages_matched;

--! mark_scan_succeeded
--- queued or running → succeeded.
update /* mark_scan_succeeded */ bot_channel_scan_runs
set status = 'succeeded',
    finished_at = now()
where id = :id and status in ('queued', 'running')
returning id;

--! mark_scan_failed
--- queued or running → failed, with the reason.
update /* mark_scan_failed */ bot_channel_scan_runs
set status = 'failed',
    finished_at = now(),
    error_message = :error_message
where id = :id and status in ('queued', 'running')
returning id;

--! mark_scan_canceled
--- queued or running → canceled.
update /* mark_scan_canceled */ bot_channel_scan_runs
set status = 'canceled',
    finished_at = now()
where id = :id and status in ('queued', 'running')
returning id;
