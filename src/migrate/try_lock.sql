-- Whether this session may migrate. Never waits: a session that waits for an advisory lock holds a snapshot, and a
-- `create index concurrently` waits for that.
select pg_try_advisory_lock($1)
