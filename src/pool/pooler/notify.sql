-- Says a word ($2) to the process ($1) that listens.
select pg_notify(format('clip_db_%s', $1), $2)
