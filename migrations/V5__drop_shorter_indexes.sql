-- Each is the beginning of an index of V3 and V4 that serves whatever it served, also the queries of the Python programs
-- and of older releases. Without this, a scan would write one more index entry for its channel and one more for its run.
-- safe: no query names an index; to drop one takes milliseconds, once nobody is in the middle of using its table.
drop index idx_bot_channels_reading;
drop index idx_bot_scan_runs_channel;
