-- The transactions of this database that are old: prepared ones (two-phase commit) after a minute; after five minutes others
-- that have a snapshot or have written (vacuum waits for no others). Those of other roles are visible to members of pg_monitor
-- only. The last column is the statement that ends it.
select format('the prepared transaction %L of the role %s is', gid, owner),
       extract(epoch from clock_timestamp() - prepared)::int8, format('rollback prepared %L', gid)
from pg_prepared_xacts
where database = current_database() and prepared < clock_timestamp() - interval '1 minute'
union all
select format('the transaction of session %s (%s) is', pid,
              concat_ws(', ', nullif(application_name, ''), 'role ' || usename, state)),
       extract(epoch from clock_timestamp() - xact_start)::int8, format('select pg_terminate_backend(%s)', pid)
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
  and coalesce(backend_xid, backend_xmin) is not null and xact_start < clock_timestamp() - interval '5 minutes'
order by 2 desc
