-- How the migrating session behaves: it gives up a lock that it cannot have (and is tried again), its statements may take
-- as long as they need, and the server ends it soon after its program is gone (PostgreSQL 14 and later).
select set_config('lock_timeout', '3s', false),
       set_config('statement_timeout', '0', false),
       set_config('application_name', 'clip-saver-db migration', false),
       (select set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval')
