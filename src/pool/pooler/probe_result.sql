-- The backend's process id, and whether the probe ($1) has another name there than the driver gave it ("s" and a number):
-- then the pooler keeps its clients' prepared statements apart.
select pg_backend_pid(),
       exists (select from pg_prepared_statements where statement = $1 and name !~ '^s[0-9]+$')
