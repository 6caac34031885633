-- The replication slots that nobody reads: name, kind, how much WAL each keeps on the server's disk, and whether it keeps dead
-- rows.
select slot_name::text, slot_type::text,
       coalesce(pg_size_pretty(pg_wal_lsn_diff(
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn
       )), 'no WAL'),
       xmin is not null or catalog_xmin is not null
from pg_replication_slots
where not active
order by 1
