-- A scan's progress rewrote an entry of each of these indexes, and of all others of the row. Without them the server updates a
-- channel's row in place: half the WAL, and indexes that do not grow. No query needs them, also none of the Python programs
-- or of older releases: they look for a channel or for a guild, and sorting a guild's channels (500 at most) takes microseconds.
-- safe: no query names an index; to drop one takes milliseconds, once nobody is in the middle of using its table.
drop index idx_bot_channels_work_order;
drop index idx_bot_channels_work;
drop index idx_bot_channels_last_message_id;
drop index idx_bot_channels_isreading;

-- Room on each page for the row's next version.
alter table bot_channels set (fillfactor = 80);
