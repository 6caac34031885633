-- How this connection is encrypted (NULL: not at all), whether it is a Unix socket, and whether the server hides the answer: the
-- session has taken another role.
select case when s.ssl then s.version end, case when s.ssl then s.cipher end, inet_client_addr() is null, s.ssl is null
from (select pg_backend_pid() as pid) own left join pg_stat_ssl s using (pid)
