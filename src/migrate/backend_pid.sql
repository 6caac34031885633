-- This session's process id, by which another session asks about it.
select pg_backend_pid()
