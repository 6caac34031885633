-- The transactions that do nothing and for which `create index concurrently` on the table $1 would wait: they hold a
-- snapshot, or a lock on the table with which they may have written. $2 names those of the first answer, because later
-- transactions do not count; NULL for all. The state of other roles' sessions may be hidden: those may be idle, too.
select l.pid, l.virtualtransaction
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where a.datname = current_database() and l.pid <> pg_backend_pid() and a.usesysid is not null -- no vacuum
  and coalesce(a.state, 'idle in transaction') like 'idle in transaction%'
  and ($2::text[] is null or l.virtualtransaction = any($2))
  and (l.locktype = 'virtualxid' and a.backend_xmin is not null
       or l.locktype = 'relation' and l.relation = to_regclass($1)
          and l.database = (select oid from pg_database where datname = current_database())
          and l.mode not in ('AccessShareLock', 'RowShareLock', 'ShareLock'))
group by l.pid, l.virtualtransaction
