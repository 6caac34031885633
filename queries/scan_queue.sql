-- Scans that workers share. A run with a turn is shared: `request_scan` enqueues it, a worker claims it for the time of a lease.
-- A claim is the run's id and a token, which grows with every claim and is never reset: whoever comes with an older one has lost
-- the run. A claim is also lost when its lease expires, or when somebody else finished the run.
-- Turns are start-time fair queueing: a run's turn is the larger of the queue's present turn and its guild's last one plus 1.
-- So each guild has one run a turn, however many it has queued.
-- The status is cast where the primary key finds the run: else the planner reads the index of the leases.

--: ClaimedRunRow(after_message_id?, before_message_id?)
--: ScanStateRow(name?, run_id?, status?, worker?, lease_until?, messages_scanned?, messages_matched?, last_status?, last_finished_at?, last_error?)

--! request_scan (after_message_id?, before_message_id?, not_before?) : ScanRequestRow(id?, is_new?)
--- A shared run in the queue, if the channel is there and reading and no equal run is active: the unique index lets one of many
--- concurrent requests win, and the others get its run. The queue's row of a priority is made by its first request. Wakes
--- the workers at the commit.
with /* request_scan */ channel as materialized (
  select channel_id, guild_id, is_reading from bot_channels where channel_id = :channel_id for key share
),
level as (
  insert into bot_scan_queue (priority)
  select :priority::smallint
  from channel
  where is_reading and not exists (select from bot_scan_queue where priority = :priority)
  on conflict (priority) do nothing
),
present as materialized (
  select coalesce((
    select coalesce(
      (
        select r.turn
        from bot_channel_scan_runs r
        where r.status = 'queued' and r.not_before is null and r.turn is not null
          and r.priority = q.priority and (r.turn, r.created_at, r.id) >= (q.turn, q.created_at, q.run_id)
        order by r.turn, r.created_at, r.id
        limit 1
      ),
      q.turn
    )
    from bot_scan_queue q
    where q.priority = :priority
  ), 0) as turn
),
enqueued as (
  insert into bot_channel_scan_runs as r (
    channel_id, queue_guild_id, after_message_id, before_message_id, priority, not_before, turn
  )
  select c.channel_id, c.guild_id, :after_message_id, :before_message_id, :priority, :not_before,
         greatest(
           p.turn,
           (
             select o.turn + 1
             from bot_channel_scan_runs o
             where o.status = 'queued' and o.not_before is null and o.turn is not null
               and o.queue_guild_id = c.guild_id and o.priority = :priority
             order by o.turn desc
             limit 1
           )
         )
  from channel c cross join present p
  where c.is_reading
  on conflict (
    channel_id, coalesce(after_message_id, ''), coalesce(before_message_id, ''), coalesce(cancel_requested_at, '-infinity')
  ) where status in ('queued', 'running') and turn is not null
  do update set queue_guild_id = excluded.queue_guild_id
  returning r.id, (r.xmax = 0) as is_new
)
select c.is_reading, e.id, e.is_new,
       (select count(*) from (select pg_notify('clip_saver_scans', '') from enqueued where is_new) n) as notifications
from channel c left join enqueued e on true;

--! claim_queued_scan_runs : ClaimedRunRow
--- Claims the first runs of the queue: highest priority first, then by turn, then the oldest. Never waits: what others are
--- claiming is skipped. Begins at the queue's bound, behind the entries of former claims. The literal limit, the bounds of the
--- priority and the second limit tell the planner that there are few rows, whether or not the tables were analyzed: so it keeps
--- one plan, also behind poolers where sessions have no plan_cache_mode. claim_scan_runs looks further, and raises the bound.
with /* claim_queued_scan_runs */ queued as materialized (
  select r.id, l.priority, r.turn, r.created_at
  from (
    select priority, turn, created_at, run_id
    from bot_scan_queue
    where priority between -32768 and 32767
    order by priority desc
  ) l
    cross join lateral (
      select o.id, o.turn, o.created_at
      from bot_channel_scan_runs o
      where o.status = 'queued' and o.not_before is null and o.turn is not null and o.priority = l.priority
        and (o.turn, o.created_at, o.id) >= (l.turn, l.created_at, l.run_id)
      order by o.turn, o.created_at, o.id
      limit 100
      for no key update skip locked
    ) r
  order by l.priority desc
  limit :limit
),
claimed as (
  update bot_channel_scan_runs r
  set status = 'running',
      claim_token = r.claim_token + 1,
      claim_request = :request,
      worker = :worker,
      lease_until = now() + make_interval(secs => :lease_seconds),
      attempts = r.attempts + 1,
      started_at = coalesce(r.started_at, now())
  from (select id from queued limit :limit) q
  where r.id = q.id
  returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts,
            r.priority, r.turn, r.created_at
)
select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts
from claimed
order by priority desc, turn, created_at, id;

--! claim_scan_runs : ClaimedRunRow
--- Claims the first runs, looking further than claim_queued_scan_runs. A full look also finds runs whose lease has expired,
--- delayed runs whose time has come, and runs whose place is before the queue's bound. Such a run was handed back, or enqueued
--- while the bound rose, or its claim was rolled back. Each of these indexes begins with the entries of former claims until
--- vacuum removes them, and it cannot while a snapshot is older than they are: so workers look there only now and then.
--- The first of the queued runs becomes the bound. A delayed run gets a new turn when its time has come, as if it were
--- requested now: else a guild's many delayed runs would come before those that others queued meanwhile.
--- An expired run that was to be canceled is canceled, and one that was taken over 20 times has failed; both get a new token.
--- A repeated call returns the claims of the first, with new leases. It locks them in key order first, as cancel_scans does.
with /* claim_scan_runs */ repeated as (
  update bot_channel_scan_runs r
  set lease_until = now() + make_interval(secs => :lease_seconds)
  where r.id = any(array(
    select id
    from bot_channel_scan_runs
    where :is_repeated::boolean and status = 'running' and turn is not null and claim_request = :request
      and lease_until > now()
    order by id
    for no key update
  ))
  returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts,
            r.priority, r.turn, r.created_at
),
expired as materialized (
  select id, priority, turn, created_at, cancel_requested_at is not null as is_canceled, takeovers >= 20 as is_hopeless
  from bot_channel_scan_runs
  where :is_full::boolean and not exists (select from repeated)
    and status = 'running' and turn is not null and lease_until <= now()
  order by lease_until
  limit 100
  for no key update skip locked
),
ended as (
  update bot_channel_scan_runs r
  set status = case when e.is_canceled then 'canceled' else 'failed' end::scan_status,
      finished_at = now(),
      claim_token = r.claim_token + 1,
      lease_until = null,
      error_message = case
        when e.is_canceled then r.error_message
        else 'given up: 20 workers lost it in turn, the last was ' || coalesce(r.worker, 'unknown')
      end
  from expired e
  where r.id = e.id and (e.is_canceled or e.is_hopeless)
),
due as materialized (
  select id, queue_guild_id as guild_id, priority, not_before
  from bot_channel_scan_runs
  where :is_full::boolean and not exists (select from repeated)
    and status = 'queued' and turn is not null and not_before <= now()
  order by not_before
  limit 100
  for no key update skip locked
),
queued as materialized (
  select r.id, r.priority, r.turn, r.created_at
  from (
    select priority, turn, created_at, run_id
    from bot_scan_queue
    where priority between -32768 and 32767 and not exists (select from repeated)
    order by priority desc
  ) l
    cross join lateral (
      select o.id, o.priority, o.turn, o.created_at
      from bot_channel_scan_runs o
      where o.status = 'queued' and o.not_before is null and o.turn is not null and o.priority = l.priority
        and (o.turn, o.created_at, o.id) >= (
          case when :is_full::boolean then 0 else l.turn end,
          case when :is_full::boolean then '-infinity' else l.created_at end,
          l.run_id
        )
      order by o.turn, o.created_at, o.id
      limit 100
      for no key update skip locked
    ) r
  order by l.priority desc
  limit :limit
),
present as materialized (
  select d.id, d.priority, d.guild_id, d.not_before,
         greatest(
           q.turn,
           (
             select r.turn
             from bot_channel_scan_runs r
             where r.status = 'queued' and r.not_before is null and r.turn is not null
               and r.priority = d.priority and (r.turn, r.created_at, r.id) >= (q.turn, q.created_at, q.run_id)
             order by r.turn, r.created_at, r.id
             limit 1
           ),
           (
             select o.turn + 1
             from bot_channel_scan_runs o
             where o.status = 'queued' and o.not_before is null and o.turn is not null
               and o.queue_guild_id = d.guild_id and o.priority = d.priority
             order by o.turn desc
             limit 1
           )
         ) as turn
  from due d left join lateral (
    select b.turn, b.created_at, b.run_id from bot_scan_queue b where b.priority = d.priority limit 1
  ) q on true
),
ready as materialized (
  select id, priority, not_before,
         coalesce(turn, 0) + row_number() over (partition by priority, guild_id order by not_before) - 1 as turn
  from present
),
chosen as materialized (
  select id, turn
  from (
    select id, priority, turn, created_at as since from expired where not is_canceled and not is_hopeless
    union all
    select id, priority, turn, not_before from ready
    union all
    select id, priority, turn, created_at from queued
    order by priority desc, turn, since, id
    limit 100
  ) c
  limit :limit
),
promoted as (
  update bot_channel_scan_runs r
  set not_before = null,
      turn = p.turn
  from (select id, turn from ready w where not exists (select from chosen c where c.id = w.id) limit 100) p
  where r.id = p.id
),
raised as (
  update bot_scan_queue q
  set turn = n.turn,
      created_at = n.created_at,
      run_id = n.id
  from (
    select l.priority, n.turn, n.created_at, n.id
    from (select distinct on (priority) priority, turn, created_at, id from queued order by priority, turn, created_at, id) n
      join bot_scan_queue l on l.priority = n.priority
    where (n.turn, n.created_at, n.id) > (l.turn, l.created_at, l.run_id)
    for no key update of l skip locked
  ) n
  where q.priority = n.priority
),
claimed as (
  update bot_channel_scan_runs r
  set status = 'running',
      claim_token = r.claim_token + 1,
      claim_request = :request,
      worker = :worker,
      lease_until = now() + make_interval(secs => :lease_seconds),
      attempts = r.attempts + 1,
      takeovers = r.takeovers + (r.status = 'running')::integer,
      started_at = coalesce(r.started_at, now()),
      not_before = null,
      turn = c.turn
  from chosen c
  where r.id = c.id
  returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts,
            r.priority, r.turn, r.created_at
)
select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts
from (
  select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts, priority, turn, created_at
  from claimed
  union all
  select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts, priority, turn, created_at
  from repeated
) a
order by priority desc, turn, created_at, id;

--! renew_scan_lease
--- A new end of the lease, if the claim still holds. Returns whether the run is to be canceled.
update /* renew_scan_lease */ bot_channel_scan_runs
set lease_until = now() + make_interval(secs => :lease_seconds)
where id = :id and claim_token = :token and status::text = 'running' and lease_until > now()
returning cancel_requested_at is not null as is_cancel_requested;

--! complete_scan
--- complete_scans for one claim. A statement of its own: it has fewer steps, and complete_scans costs so much less if the planner
--- knows that there is one that it would plan each call anew where sessions have no plan_cache_mode.
update /* complete_scan */ bot_channel_scan_runs
set status = 'succeeded',
    finished_at = coalesce(finished_at, now()),
    lease_until = null,
    error_message = null
where id = :id and claim_token = :token
  and case status::text when 'running' then lease_until > now() when 'succeeded' then true else false end
returning id;

--! complete_scans
--- running → succeeded, for each claim that still holds. The reason of an earlier attempt's failure is forgotten. A claim that
--- has completed its run counts again. Never waits, and so needs no order: runs that others are writing to are skipped, and
--- left to complete_scan.
with /* complete_scans */ held as materialized (
  select r.id
  from unnest(:ids::uuid[], :tokens::bigint[]) as c (id, token)
    join bot_channel_scan_runs r on r.id = c.id and r.claim_token = c.token
  where case r.status::text when 'running' then r.lease_until > now() when 'succeeded' then true else false end
  for no key update of r skip locked
)
update bot_channel_scan_runs r
set status = 'succeeded',
    finished_at = coalesce(r.finished_at, now()),
    lease_until = null,
    error_message = null
from held h
where r.id = h.id
returning r.id;

--! fail_scan (retry_at?)
--- running → failed with the reason, or back into the queue at a time, unless it is to be canceled; if the claim still holds.
--- A claim that has done this counts again.
update /* fail_scan */ bot_channel_scan_runs
set status = case
      when status::text <> 'running' then status
      when cancel_requested_at is not null then 'canceled'
      when :retry_at::timestamptz is null then 'failed'
      else 'queued'
    end,
    finished_at = case
      when status::text = 'running' and (:retry_at::timestamptz is null or cancel_requested_at is not null) then now()
      else finished_at
    end,
    not_before = case when status::text = 'running' then :retry_at else not_before end,
    error_message = case when status::text = 'running' then :reason else error_message end,
    lease_until = null
where id = :id and claim_token = :token
  and case
    when status::text = 'running' then lease_until > now()
    else status::text in ('failed', 'queued', 'canceled') and error_message = :reason
  end
returning id;

--! release_scan
--- running → queued, in front of its priority, without counting as an attempt; canceled if that was asked for; if the claim still
--- holds. A claim that has done this counts again. Wakes the workers.
with /* release_scan */ released as (
  update bot_channel_scan_runs r
  set status = case
        when r.status::text <> 'running' then r.status
        when r.cancel_requested_at is null then 'queued'
        else 'canceled'
      end,
      finished_at = case
        when r.status::text = 'running' and r.cancel_requested_at is not null then now()
        else r.finished_at
      end,
      attempts = r.attempts - (r.status::text = 'running')::integer,
      turn = greatest(r.turn, (select q.turn from bot_scan_queue q where q.priority = r.priority)),
      lease_until = null
  where r.id = :id and r.claim_token = :token
    and case r.status::text
      when 'running' then r.lease_until > now()
      when 'queued' then true
      when 'canceled' then r.cancel_requested_at is not null
      else false
    end
  returning r.id
)
select id, (select count(*) from (select pg_notify('clip_saver_scans', '') from released) n) as notifications
from released;

--! request_scan_cancel
--- queued → canceled. A running run's worker is told by its next page or renewal; without a lease it is canceled at once, since
--- nobody would be told.
update /* request_scan_cancel */ bot_channel_scan_runs
set status = case when status = 'queued' or lease_until is null then 'canceled' else status end,
    finished_at = case when status = 'queued' or lease_until is null then now() else finished_at end,
    cancel_requested_at = coalesce(cancel_requested_at, now())
where id = :id and status::text in ('queued', 'running')
returning id;

--! cancel_scans (guild_id?)
--- The same for the shared runs of a guild, and of channels.
update /* cancel_scans */ bot_channel_scan_runs
set status = case when status = 'queued' or lease_until is null then 'canceled' else status end,
    finished_at = case when status = 'queued' or lease_until is null then now() else finished_at end,
    cancel_requested_at = coalesce(cancel_requested_at, now())
where id = any(array(
  select id
  from bot_channel_scan_runs
  where channel_id = any(array(
      -- Locked first, in key order, as a racing delete does.
      select channel_id
      from bot_channels
      where guild_id = :guild_id or channel_id = any(:channel_ids::text[])
      order by channel_id
      for key share
    ))
    and status in ('queued', 'running') and turn is not null
  order by id
  for no key update
))
returning id;

--! get_scan_states : ScanStateRow
--- A row for each channel of a guild, by number: its shared run that runs, or else the oldest in the queue; how many intervals
--- of its history were not read up to the last message that was; and how its last run ended.
select /* get_scan_states */
       c.channel_id, c.name, c.is_reading, c.message_count, a.id as run_id, a.status::text as status, a.worker, a.lease_until,
       a.messages_scanned, a.messages_matched, coalesce(g.gaps, 0) as gaps,
       e.status::text as last_status, e.finished_at as last_finished_at, e.error_message as last_error
from bot_channels c
  left join lateral (
    select r.id, r.status, r.worker, r.lease_until, r.messages_scanned, r.messages_matched
    from bot_channel_scan_runs r
    where r.channel_id = c.channel_id and r.status in ('queued', 'running') and r.turn is not null
    order by r.status desc, r.created_at, r.id
    limit 1
  ) a on true
  left join lateral (
    select r.status, r.finished_at, r.error_message
    from bot_channel_scan_runs r
    where r.channel_id = c.channel_id and r.finished_at is not null
    order by r.created_at desc, r.id
    limit 1
  ) e on true
  left join lateral (
    select count(*) as gaps
    from bot_channel_coverage v
      cross join unnest(int8multirange(int8range(0, upper(v.covered))) - v.covered - case
        when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
          case
            when c.last_message_id::numeric <= 18446744073709551615
            then int8multirange(
              int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1)
            )
            else '{}'
          end
        else '{}'
      end) as i (gap)
    where v.channel_id = c.channel_id and not isempty(v.covered)
  ) g on true
where c.guild_id = :guild_id
order by length(c.channel_id), c.channel_id collate "C";

--! scan_queue_stats : ScanQueueStatsRow(oldest_seconds?)
--- How many shared runs are queued, delayed, running, and running with an expired lease; and how long the oldest queued one
--- waits, in seconds.
select /* scan_queue_stats */
       (
         select count(*)
         from bot_channel_scan_runs
         where status = 'queued' and turn is not null and (not_before is null or not_before <= now())
       ) as queued,
       (
         select count(*) from bot_channel_scan_runs where status = 'queued' and turn is not null and not_before > now()
       ) as delayed,
       (
         select count(*) from bot_channel_scan_runs where status = 'running' and turn is not null and lease_until > now()
       ) as running,
       (
         select count(*) from bot_channel_scan_runs where status = 'running' and turn is not null and lease_until <= now()
       ) as expired,
       (
         select extract(epoch from now() - min(greatest(created_at, not_before)))::double precision
         from bot_channel_scan_runs
         where status = 'queued' and turn is not null and (not_before is null or not_before <= now())
       ) as oldest_seconds;

--! purge_finished_scan_runs (after_channel_id?) : PurgedRow(last_channel_id?)
--- One step of a purge: of at most 100 channels after one, deletes at most 10,000 runs that finished long enough ago, but never
--- the newest of a channel. Returns how many, and the last of these channels.
with /* purge_finished_scan_runs */ channels as materialized (
  select channel_id
  from bot_channels
  where channel_id > coalesce(:after_channel_id, '')
  order by channel_id
  limit 100
),
held as materialized (
  -- A racing delete of the channel deletes its runs in another order.
  select c.channel_id from bot_channels c join channels d on d.channel_id = c.channel_id for key share of c skip locked
),
doomed as materialized (
  select r.id
  from held c
    cross join lateral (
      -- The newest run that may go, from the index alone: those that stay are not read.
      select o.created_at, o.id
      from bot_channel_scan_runs o
      where o.channel_id = c.channel_id
      order by o.created_at desc, o.id
      offset :keep
      limit 1
    ) first
    join bot_channel_scan_runs r on r.channel_id = c.channel_id and r.created_at <= first.created_at
  where (r.created_at < first.created_at or r.id >= first.id)
    and r.finished_at < now() - make_interval(secs => :older_than_seconds)
  limit 10000
),
deleted as (
  delete from bot_channel_scan_runs r using (select id from doomed limit 10000) d where r.id = d.id returning r.id
)
select (select count(*) from deleted) as deleted, (select max(channel_id) from channels) as last_channel_id;
