-- An existing index: whether it is valid, and the statement that drops it. An interrupted `create index concurrently` leaves
-- an INVALID index. No row if there is no such index. The statement names the schema: people run it on other sessions.
select i.indisvalid, format('drop index concurrently %I.%I', n.nspname, c.relname)
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where i.indexrelid = to_regclass($1)
