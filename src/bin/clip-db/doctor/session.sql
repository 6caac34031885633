-- Which of the server's processes this connection is served by at the moment, and since how many seconds it has run.
select format('%s since %s', pid, backend_start), extract(epoch from clock_timestamp() - backend_start)::float8
from pg_stat_activity
where pid = pg_backend_pid()
