-- Ends a session ($1) of this database that is idle in transaction and has been for $2 seconds: asked and done in one
-- statement, so that no session at work is ended. No row if it is not.
select pg_terminate_backend(pid)
from pg_stat_activity
where pid = $1 and pid <> pg_backend_pid() and datname = current_database()
  and state like 'idle in transaction%' and state_change <= clock_timestamp() - make_interval(secs => $2)
