-- What of a channel has been read, so that a message counts once: the ids of its messages as intervals. Needs PostgreSQL 14.
-- A channel that has a cursor begins with everything up to it, 0 included. A text that is no snowflake below 2^63 is no cursor.
-- Programs that know nothing of this table go on: a channel without a row has no intervals yet.
-- safe: a new table. Its foreign key holds off writes to bot_channels while one pass over that table fills it: milliseconds.
create table bot_channel_coverage (
  -- squawk-ignore adding-foreign-key-constraint
  channel_id text primary key references bot_channels (channel_id) on delete cascade,
  covered int8multirange not null default '{}'
) with (fillfactor = 50);

insert into bot_channel_coverage (channel_id, covered)
select channel_id, int8multirange(int8range(0, last_message_id::numeric::bigint, '[]'))
from bot_channels
where case
    when last_message_id ~ '^(0|[1-9][0-9]{0,18})$' then last_message_id::numeric < 9223372036854775807
    else false
  end;
