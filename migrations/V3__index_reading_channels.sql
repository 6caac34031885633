-- non-transactional
-- get_reading_channels: its whole order, so that nothing is left to sort. Of channels that were never scanned the one with
-- the smaller number comes first. V5 drops idx_bot_channels_reading, which this begins like.
create index concurrently idx_bot_channels_work_order on bot_channels
  (guild_id, last_scanned_at nulls first, length(channel_id), channel_id collate "C") where is_reading;
