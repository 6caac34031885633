-- Tries to take the lock that lets one session migrate at a time. Never waits: a session that waits for an advisory lock
-- holds a snapshot, and `create index concurrently` waits for such snapshots.
select pg_try_advisory_lock($1)
