-- Sends a payload ($2) to the listening backend with this process id ($1).
select pg_notify(format('clip_db_%s', $1), $2)
