-- The process id of the backend that currently serves this connection.
select pg_backend_pid()
