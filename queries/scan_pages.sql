-- Coverage: which messages of a channel have been read, as intervals of ids. A message counts once, when its id is covered for
-- the first time. Everything up to the channel's cursor counts as covered: programs that know no coverage move only the cursor.
-- Whoever changes a channel's coverage, clips or claimed run locks the channel first, as a racing delete does. What was covered
-- is read from the locked row: the statement's snapshot may be older than a concurrent call.
-- An advisory lock comes before the channel's: of three callers that lock and then update one row, while a fourth holds the lock
-- of a foreign key, two can deadlock over the row's former version.
-- 9223372036854775807 has no successor: an interval that ends there has no upper bound.
-- A cursor there or above covers everything.

--: ScanPageRow(messages_scanned?, messages_matched?, is_cancel_requested?)
--: ScanIntervalRow()

--! create_scan_coverage
--- An empty coverage, for a channel that has none. The lock keeps a racing delete from turning this into a foreign key error.
with /* create_scan_coverage */ channel as materialized (
  select channel_id from bot_channels where channel_id = :channel_id for key share
)
insert into bot_channel_coverage (channel_id)
select channel_id from channel
on conflict (channel_id) do nothing
returning channel_id;

--! record_scan_page (run_id?, token?, author_display_names[?], author_avatars[?], content_types[?], durations[?], widths[?], heights[?], url_expiries[?]) : ScanPageRow
--- A page of messages with its clips. Adds its intervals to the channel's coverage, and to the counters those messages that
--- were not covered. With a run, only if the claim still holds; without one, for messages that came by the gateway. A message
--- whose tombstone is there is not stored again: `on conflict` sees the tombstone also if the snapshot does not. The cursor
--- becomes the end of the interval that begins with 0, so it passes no gap. An attachment's URL that expires later replaces
--- the stored one. Keys come in order, and none twice. A message's time is in its id:
--- <https://discord.com/developers/docs/reference#snowflakes>
with /* record_scan_page */ guild as materialized (
  -- The authors' foreign key locks the guild. It comes before the channel, as in delete_guilds: else the two could deadlock.
  select g.guild_id
  from bot_channels c join bot_guilds g on g.guild_id = c.guild_id
  where c.channel_id = :channel_id and cardinality(:author_ids::bigint[]) > 0
  for key share of g
),
channel as materialized (
  select channel_id, guild_id,
         case
           when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
             case
               when last_message_id::numeric <= 18446744073709551615
               then int8multirange(
                 int8range(0, nullif(least(last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1)
               )
               else '{}'
             end
           else '{}'
         end as up_to_cursor
  from bot_channels
  where channel_id = :channel_id and (select count(*) from guild) >= 0
    and (select count(*) from (select pg_advisory_xact_lock(hashtextextended(:channel_id, 0))) l) > 0
  for no key update
),
run as materialized (
  -- The status is cast so that the primary key finds the run, not the index of the leases.
  select r.id, r.messages_scanned, r.messages_matched, r.cancel_requested_at is not null as is_cancel_requested
  from bot_channel_scan_runs r join channel c on c.channel_id = r.channel_id
  where r.id = :run_id and r.claim_token = :token and r.status::text = 'running' and r.lease_until > now()
  for no key update of r
),
covered as materialized (
  select v.channel_id, c.guild_id, v.covered + c.up_to_cursor as covered
  from bot_channel_coverage v join channel c on c.channel_id = v.channel_id
  where :run_id::uuid is null or exists (select from run)
  for no key update of v
),
added as materialized (
  select range_agg(int8range(i.first, nullif(i.last, 9223372036854775807) + 1)) as intervals
  from unnest(:firsts::bigint[], :lasts::bigint[]) as i (first, last)
),
counted as materialized (
  select count(*) as messages, count(*) filter (where p.has_clips) as matched
  from covered v cross join unnest(:message_ids::bigint[], :have_clips::boolean[]) as p (message_id, has_clips)
  where not v.covered @> p.message_id
),
authors as (
  insert into bot_authors as a (guild_id, user_id, name, display_name, avatar)
  select v.guild_id, p.user_id, p.name, p.display_name, p.avatar
  from covered v cross join unnest(
    :author_ids::bigint[], :author_names::text[], :author_display_names::text[], :author_avatars::text[]
  ) as p (user_id, name, display_name, avatar)
  -- Most authors are stored already. A row that stays as it is would be locked, which costs WAL.
  where (
    select (o.name, o.display_name, o.avatar) is not distinct from (p.name, p.display_name, p.avatar)
    from bot_authors o
    where o.guild_id = v.guild_id and o.user_id = p.user_id
  ) is not true
  order by p.user_id
  on conflict (guild_id, user_id) do update
  set name = excluded.name,
      display_name = excluded.display_name,
      avatar = excluded.avatar
  where (a.name, a.display_name, a.avatar) is distinct from (excluded.name, excluded.display_name, excluded.avatar)
),
messages as (
  insert into bot_clip_messages as m (message_id, channel_id, author_id, created_at)
  select p.message_id, v.channel_id, p.author_id, to_timestamp(((p.message_id >> 22) + 1420070400000) / 1000.0)
  from covered v cross join unnest(:clip_message_ids::bigint[], :clip_author_ids::bigint[]) as p (message_id, author_id)
  order by p.message_id
  on conflict (message_id) do update
  set author_id = excluded.author_id
  where m.deleted_at is null and m.channel_id = excluded.channel_id
  returning m.message_id, m.author_id
),
clips as (
  insert into bot_clips as k (
    attachment_id, message_id, channel_id, guild_id, author_id, file_name, content_type, size, duration_seconds, width,
    height, url, url_expires_at
  )
  select p.attachment_id, p.message_id, v.channel_id, v.guild_id, m.author_id, p.file_name, p.content_type, p.size,
         p.duration, p.width, p.height, p.url, p.url_expires_at
  from covered v
    cross join unnest(
      :attachment_ids::bigint[], :attachment_message_ids::bigint[], :file_names::text[], :content_types::text[],
      :sizes::bigint[], :durations::double precision[], :widths::integer[], :heights::integer[], :urls::text[],
      :url_expiries::timestamptz[]
    ) as p (
      attachment_id, message_id, file_name, content_type, size, duration, width, height, url, url_expires_at
    )
    join messages m on m.message_id = p.message_id
  order by p.attachment_id
  on conflict (attachment_id) do update
  set file_name = excluded.file_name,
      content_type = excluded.content_type,
      size = excluded.size,
      duration_seconds = excluded.duration_seconds,
      width = excluded.width,
      height = excluded.height,
      url = excluded.url,
      url_expires_at = excluded.url_expires_at
  where k.deleted_at is null
    and coalesce(excluded.url_expires_at, '-infinity') > coalesce(k.url_expires_at, '-infinity')
  returning (k.xmax = 0) as is_new
),
stored as (
  -- Also without new intervals if there are clips: a concurrent delete_messages sees by it that clips were stored.
  update bot_channel_coverage v
  set covered = b.covered + a.intervals
  from covered b cross join added a
  where v.channel_id = b.channel_id
    and (v.covered <> b.covered + a.intervals or cardinality(:attachment_ids::bigint[]) > 0)
),
progressed as (
  update bot_channel_scan_runs r
  set messages_scanned = r.messages_scanned + n.messages,
      messages_matched = r.messages_matched + n.matched
  from run cross join counted n
  where r.id = run.id and n.messages > 0
),
cursor as materialized (
  select v.channel_id, (upper(f.first) - 1)::text as last_message_id
  from covered v cross join added a cross join lateral (select unnest(v.covered + a.intervals) as first limit 1) f
  where f.first @> 0::bigint and not upper_inf(f.first)
),
moved as (
  update bot_channels c
  set last_message_id = coalesce((select last_message_id from cursor), c.last_message_id),
      message_count = c.message_count + n.messages,
      last_scanned_at = case when :run_id::uuid is null then c.last_scanned_at else now() end
  from covered b cross join counted n
  where c.channel_id = b.channel_id
    and (
      n.messages > 0 or :run_id::uuid is not null
      -- The gap before messages that were counted may have closed.
      or c.last_message_id is distinct from coalesce((select last_message_id from cursor), c.last_message_id)
    )
)
select (select count(*) from channel) > 0 as has_channel,
       (select count(*) from run) > 0 as holds_claim,
       (select count(*) from covered) > 0 as has_coverage,
       n.messages as new_messages,
       (select count(*) from clips where is_new) as new_clips,
       r.messages_scanned + n.messages as messages_scanned,
       r.messages_matched + n.matched as messages_matched,
       r.is_cancel_requested
from counted n left join run r on true;

--! get_scan_coverage : ScanIntervalRow
--- The intervals that were read, ascending, with everything up to the cursor.
select /* get_scan_coverage */
       lower(i.covered) as first, coalesce(upper(i.covered) - 1, 9223372036854775807) as last
from bot_channels c
  left join bot_channel_coverage v on v.channel_id = c.channel_id
  cross join unnest(
    coalesce(v.covered, '{}') + case
      when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
        case
          when c.last_message_id::numeric <= 18446744073709551615
          then int8multirange(
            int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1)
          )
          else '{}'
        end
      else '{}'
    end
  ) as i (covered)
where c.channel_id = :channel_id
order by first;

--! get_scan_gaps : ScanIntervalRow
--- What was not read from 0 to an id, ascending.
select /* get_scan_gaps */
       lower(i.gap) as first, coalesce(upper(i.gap) - 1, 9223372036854775807) as last
from bot_channels c
  left join bot_channel_coverage v on v.channel_id = c.channel_id
  cross join unnest(
    int8multirange(int8range(0, nullif(:up_to::bigint, 9223372036854775807) + 1)) - coalesce(v.covered, '{}') - case
      when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
        case
          when c.last_message_id::numeric <= 18446744073709551615
          then int8multirange(
            int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1)
          )
          else '{}'
        end
      else '{}'
    end
  ) as i (gap)
where c.channel_id = :channel_id
order by first;
