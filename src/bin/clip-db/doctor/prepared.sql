-- Whether the probe ($1) was prepared under a name of PgBouncer's: then it keeps the statements of its clients apart.
select coalesce(bool_or(name like 'PGBOUNCER\_%'), false) from pg_prepared_statements where statement = $1
