-- Scan runs: one pass of the worker over a channel. queued → running → succeeded, failed or canceled; a queued run may
-- also finish at once. A finished run's status and times never change again.

-- No column has the type `scan_status`: the driver looks an unknown type up with prepared statements that it never closes, and
-- a pooler would hand them to the next program.
--: ScanRunRow(after_message_id?, before_message_id?, last_message_id?, error_message?, started_at?, finished_at?, not_before?, worker?, lease_until?, cancel_requested_at?)
--: ScanProgressRow()

--! get_scan_run : ScanRunRow
--- One run by id.
select /* get_scan_run */
       id, channel_id, after_message_id, before_message_id, last_message_id, status::text as status, messages_scanned,
       messages_matched, error_message, started_at, finished_at, created_at, priority, not_before, worker, lease_until, attempts,
       takeovers, cancel_requested_at
from bot_channel_scan_runs
where id = :id;

--! get_scan_runs : ScanRunRow
--- A channel's runs, newest first.
select /* get_scan_runs */
       id, channel_id, after_message_id, before_message_id, last_message_id, status::text as status, messages_scanned,
       messages_matched, error_message, started_at, finished_at, created_at, priority, not_before, worker, lease_until, attempts,
       takeovers, cancel_requested_at
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
where id = :id and status = 'queued';

--! record_scan_progress : ScanProgressRow
--- A page of a run, counted once however often it is sent: only if it ends beyond the run's own last message, which it
--- then becomes. Adds to the run's counters and the channel's count, and moves the channel's cursor as
--- update_channel_progress does. Returns the totals, also for a page that was counted before; nothing if the run is not
--- of this channel. The channel is locked before the run, as a racing delete locks them. What was counted is read from
--- the locked run: the statement's snapshot may be older than a concurrent call.
with /* record_scan_progress */ channel as materialized (
  select channel_id from bot_channels where channel_id = :channel_id for no key update
),
run as materialized (
  select r.id, r.channel_id, r.messages_scanned, r.messages_matched,
         case
           when r.last_message_id ~ '^(0|[1-9][0-9]{0,19})$'
           then r.last_message_id::numeric between :last_message_id::text::numeric and 18446744073709551615
           else false
         end as is_counted
  from bot_channel_scan_runs r join channel c on c.channel_id = r.channel_id
  where r.id = :id
  for no key update of r
),
counted as (
  update bot_channel_scan_runs r
  set messages_scanned = r.messages_scanned + :scanned,
      messages_matched = r.messages_matched + :matched,
      last_message_id = :last_message_id
  from run
  where r.id = run.id and not run.is_counted
  returning r.messages_scanned, r.messages_matched
),
moved as (
  update bot_channels c
  set last_message_id = case
        when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
          case
            when c.last_message_id::numeric between :last_message_id::text::numeric and 18446744073709551615
            then c.last_message_id
            else :last_message_id
          end
        else :last_message_id
      end,
      message_count = c.message_count + :scanned,
      last_scanned_at = now()
  from run
  where c.channel_id = run.channel_id and not run.is_counted
)
select messages_scanned, messages_matched from counted
union all
select messages_scanned, messages_matched from run where is_counted;

--! update_scan_progress : ScanProgressRow
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
where id = :id and status in ('queued', 'running');

--! mark_scan_failed
--- queued or running → failed, with the reason.
update /* mark_scan_failed */ bot_channel_scan_runs
set status = 'failed',
    finished_at = now(),
    error_message = :error_message
where id = :id and status in ('queued', 'running');

--! mark_scan_canceled
--- queued or running → canceled.
update /* mark_scan_canceled */ bot_channel_scan_runs
set status = 'canceled',
    finished_at = now()
where id = :id and status in ('queued', 'running');
