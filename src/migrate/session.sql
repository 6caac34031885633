-- The settings of the migrating session: it waits for a lock for 3 seconds (then the file is tried again), and its statements
-- have no time limit.
select set_config('lock_timeout', '3s', false),
       set_config('statement_timeout', '0', false),
       set_config('application_name', 'clip-saver-db migration', false)
