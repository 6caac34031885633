-- Listens, until the session ends, on a channel that has the name of the server's process: what is said to one listener must
-- not reach others. PgBouncer 1.18 takes a notification that comes while it resets a connection for the end of that.
do $$ begin execute format('listen clip_db_%s', pg_backend_pid()); end $$
