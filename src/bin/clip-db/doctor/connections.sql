-- How many connections the server, the database and the role allow (-1: no limit; superusers have none), and how many are
-- open. Every role can read `numbackends`.
select current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4
         - coalesce(current_setting('reserved_connections', true)::int4, 0), -- PostgreSQL 16
       case when r.rolsuper then -1 else d.datconnlimit end,
       case when r.rolsuper then -1 else r.rolconnlimit end,
       (select sum(numbackends)::int4 from pg_stat_database)
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = session_user
