-- The sessions of this database that hold the advisory lock $1, which lets one session migrate at a time.
select l.pid
from pg_locks l
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and l.database = (select oid from pg_database where datname = current_database())
  and (l.classid::int8 << 32) | l.objid::int8 = $1
