-- How many connections the server, the database and the role allow (-1: no limit; superusers have none), and how many each has
-- open. Every role can see these numbers.
select 'the server',
       current_setting('max_connections')::int4
         - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::int4
             + coalesce(current_setting('reserved_connections', true)::int4, 0) end, -- PostgreSQL 16
       (select sum(numbackends)::int4 from pg_stat_database)
from pg_roles r
where r.rolname = session_user
union all
select 'the database', case when r.rolsuper then -1 else d.datconnlimit end,
       (select numbackends from pg_stat_database where datname = d.datname)
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = session_user
union all
select 'the role', case when r.rolsuper then -1 else r.rolconnlimit end,
       (select count(*)::int4 from pg_stat_activity where usesysid = r.oid)
from pg_roles r
where r.rolname = session_user
