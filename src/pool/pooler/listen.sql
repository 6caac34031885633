-- Listens on a channel that is named after the backend's process id, until the session ends. Each listener needs a channel of
-- its own: if a notification comes while PgBouncer 1.18 resets a connection, it takes it for the end of the reset.
do $$ begin execute format('listen clip_db_%s', pg_backend_pid()); end $$
