-- How this connection is encrypted (NULL: not at all), and whether it is a Unix socket.
select case when ssl then version end, case when ssl then cipher end, inet_client_addr() is null
from pg_stat_ssl
where pid = pg_backend_pid()
