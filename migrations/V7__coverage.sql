-- What of a channel has been read, so that a message counts once: the ids of its messages as intervals. Needs PostgreSQL 14.
-- A channel that has a cursor begins with everything up to it, 0 included. A text that is no snowflake is no cursor.
-- 2^63-1 has no successor: from there on a cursor covers everything, as an interval without an upper bound.
-- Programs that know nothing of this table go on: a channel without a row has no intervals yet.
-- safe: a new table. Its foreign key holds off writes to bot_channels while one pass over that table fills it: milliseconds.
create table bot_channel_coverage (
  -- squawk-ignore adding-foreign-key-constraint
  channel_id text primary key references bot_channels (channel_id) on delete cascade,
  covered int8multirange not null default '{}'
) with (fillfactor = 50);

insert into bot_channel_coverage (channel_id, covered)
select channel_id,
       int8multirange(int8range(0, nullif(least(cursor, 9223372036854775807)::bigint, 9223372036854775807) + 1))
from (
  select channel_id, case when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then last_message_id::numeric end as cursor
  from bot_channels
) c
where cursor <= 18446744073709551615;
