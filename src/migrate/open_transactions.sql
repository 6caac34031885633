-- The sessions of this database whose transactions may hold back a migration: open for longer than a migration's
-- `lock_timeout`, with a snapshot or a lock on a table of the schema ($1). The start of other roles' transactions may be hidden.
-- 0 is a transaction that was prepared for two-phase commit: it has no session and no snapshot, but keeps its locks.
select distinct l.pid
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
left join pg_class c on l.locktype = 'relation' and c.oid = l.relation
where a.datname = current_database() and l.pid <> pg_backend_pid() and a.usesysid is not null -- no vacuum
  and (a.xact_start is null or a.xact_start <= clock_timestamp() - interval '3 s')
  and (l.locktype = 'virtualxid' and a.backend_xmin is not null
       or c.relnamespace = (select oid from pg_namespace where nspname = $1)
          and l.database = (select oid from pg_database where datname = current_database()))
union
select 0
from pg_prepared_xacts p
join pg_locks own on own.locktype = 'transactionid' and own.transactionid = p.transaction and own.pid is null
join pg_locks l on l.locktype = 'relation' and l.virtualtransaction = own.virtualtransaction and l.pid is null
join pg_class c on c.oid = l.relation
where p.database = current_database() and p.prepared <= clock_timestamp() - interval '3 s'
  and c.relnamespace = (select oid from pg_namespace where nspname = $1)
  and l.database = (select oid from pg_database where datname = current_database())
