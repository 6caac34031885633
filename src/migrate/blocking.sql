-- The sessions that the session $1 waits for at this moment. 0 is a prepared transaction.
select distinct pid from unnest(pg_blocking_pids($1)) pid
