-- The server's process, and whether the probe ($1) was prepared there under another name than the driver gave it ("s" and a
-- number): then the pooler keeps the statements of its clients apart.
select pg_backend_pid(),
       exists (select from pg_prepared_statements where statement = $1 and name !~ '^s[0-9]+$')
