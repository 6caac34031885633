-- The server's process that serves this connection at the moment.
select pg_backend_pid()
