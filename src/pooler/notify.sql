-- Says a word to whoever listens.
select pg_notify('clip_db_pooler', $1)
