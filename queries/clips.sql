-- Clips: the video attachments of messages. A deleted message leaves a tombstone (`deleted_at`): a page that was read before
-- the deletion and is stored after it does not bring it back. record_scan_page (scan_pages.sql) writes messages, clips and
-- authors. A message's id holds its time, so newest first is the order of ids, and a span of time is one of ids.
-- A list has a query for each filter, so that each has an index in its order.

--: ClipRow(content_type?, duration_seconds?, width?, height?, url_expires_at?, author_display_name?, author_avatar?)

--! get_clips : ClipRow
--- A guild's clips, newest first, from a place on.
select /* get_clips */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.guild_id = :guild_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id
  and (k.message_id, k.attachment_id) <= (:from_message_id, :from_attachment_id)
order by k.message_id desc, k.attachment_id desc
limit :limit;

--! get_clips_of_channel : ClipRow
--- A channel's clips.
select /* get_clips_of_channel */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.guild_id = :guild_id and k.channel_id = :channel_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id
  and (k.message_id, k.attachment_id) <= (:from_message_id, :from_attachment_id)
order by k.message_id desc, k.attachment_id desc
limit :limit;

--! get_clips_of_author : ClipRow
--- An author's clips in a guild.
select /* get_clips_of_author */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.guild_id = :guild_id and k.author_id = :author_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id
  and (k.message_id, k.attachment_id) <= (:from_message_id, :from_attachment_id)
order by k.message_id desc, k.attachment_id desc
limit :limit;

--! get_clips_of_channel_and_author : ClipRow
--- An author's clips in a channel.
select /* get_clips_of_channel_and_author */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.guild_id = :guild_id and k.channel_id = :channel_id and k.author_id = :author_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id
  and (k.message_id, k.attachment_id) <= (:from_message_id, :from_attachment_id)
order by k.message_id desc, k.attachment_id desc
limit :limit;

--! count_clips
--- How many clips get_clips finds.
select /* count_clips */ count(*) as clips
from bot_clips k
where k.guild_id = :guild_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id;

--! count_clips_of_channel
--- The same for get_clips_of_channel.
select /* count_clips_of_channel */ count(*) as clips
from bot_clips k
where k.guild_id = :guild_id and k.channel_id = :channel_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id;

--! count_clips_of_author
--- The same for get_clips_of_author.
select /* count_clips_of_author */ count(*) as clips
from bot_clips k
where k.guild_id = :guild_id and k.author_id = :author_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id;

--! count_clips_of_channel_and_author
--- The same for get_clips_of_channel_and_author.
select /* count_clips_of_channel_and_author */ count(*) as clips
from bot_clips k
where k.guild_id = :guild_id and k.channel_id = :channel_id and k.author_id = :author_id and k.deleted_at is null
  and k.message_id between :first_message_id and :last_message_id;

--! get_clip : ClipRow
--- One clip by its attachment.
select /* get_clip */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.attachment_id = :attachment_id and k.deleted_at is null;

--! get_expiring_clips : ClipRow
--- The clips whose URL has expired or will soon, the earliest first.
select /* get_expiring_clips */
       k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size,
       k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at,
       coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar
from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id
where k.deleted_at is null and k.url_expires_at <= now() + make_interval(secs => :within_seconds)
order by k.url_expires_at, k.attachment_id
limit :limit;

--! refresh_clip_url (url_expires_at?)
--- A URL that expires later than the stored one.
update /* refresh_clip_url */ bot_clips
set url = :url,
    url_expires_at = :url_expires_at
where attachment_id = :attachment_id and deleted_at is null
  and coalesce(:url_expires_at::timestamptz, '-infinity') > coalesce(url_expires_at, '-infinity')
returning attachment_id;

--! delete_messages : DeletedMessagesRow()
--- Tombstones for messages, also for unknown ones, and for their clips. The channel's count loses those that had been counted;
--- the ids count as covered, so that no page counts them later. Clips that a concurrent page stored after this statement's
--- snapshot are not seen: then the coverage has changed since, and the statement must run again. Keys come in order, and none
--- twice.
with /* delete_messages */ channel as materialized (
  select channel_id,
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
  where channel_id = :channel_id
    and (select count(*) from (select pg_advisory_xact_lock(hashtextextended(:channel_id, 0))) l) > 0
  for no key update
),
covered as materialized (
  select v.channel_id, v.covered + c.up_to_cursor as covered, v.xmin as written_by
  from bot_channel_coverage v join channel c on c.channel_id = v.channel_id
  for no key update of v
),
added as materialized (
  select range_agg(int8range(i.id, nullif(i.id, 9223372036854775807) + 1)) as intervals
  from unnest(:message_ids::bigint[]) as i (id)
),
given as materialized (
  select i.id, v.channel_id from covered v cross join unnest(:message_ids::bigint[]) as i (id)
),
tombstones as (
  insert into bot_clip_messages as m (message_id, channel_id, created_at, deleted_at)
  select g.id, g.channel_id, to_timestamp(((g.id >> 22) + 1420070400000) / 1000.0), now()
  from given g
  order by g.id
  on conflict (message_id) do update
  set deleted_at = excluded.deleted_at
  where m.deleted_at is null and m.channel_id = excluded.channel_id
  returning m.message_id
),
removed as (
  update bot_clips k
  set deleted_at = now()
  from given g
  -- Two equalities, and not `is null`: with `any`, or an index by author, the planner may read all clips of the channel.
  where k.channel_id = g.channel_id and k.message_id = g.id
    and coalesce(k.deleted_at, 'infinity') = 'infinity'
  returning k.attachment_id
),
stored as (
  update bot_channel_coverage v
  set covered = b.covered + a.intervals
  from covered b cross join added a
  where v.channel_id = b.channel_id and v.covered <> b.covered + a.intervals
),
uncounted as materialized (
  select count(*) as messages from tombstones t join covered v on v.covered @> t.message_id
),
moved as (
  update bot_channels c
  set message_count = greatest(c.message_count - n.messages, 0)
  from covered b cross join uncounted n
  where c.channel_id = b.channel_id and n.messages > 0
)
select (select count(*) from channel) > 0 as has_channel,
       (select count(*) from covered) > 0 as has_coverage,
       (select count(*) from removed) as removed,
       exists (
         select from covered b
         where b.written_by is distinct from (
           select v.xmin from bot_channel_coverage v where v.channel_id = :channel_id
         )
       ) as must_run_again;
