-- How the migrating session behaves: it works in `public`, gives up a lock that it cannot have (and is tried again), and
-- its statements may take as long as they need.
select set_config('search_path', 'public', false),
       set_config('lock_timeout', '3s', false),
       set_config('statement_timeout', '0', false),
       set_config('application_name', 'clip-saver-db migration', false)
