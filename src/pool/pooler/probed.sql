-- The server's process, and whether the probe ($1) was prepared there under a name of PgBouncer's: then it keeps the
-- statements of its clients apart.
select pg_backend_pid(),
       exists (select from pg_prepared_statements where statement = $1 and name like 'PGBOUNCER\_%')
