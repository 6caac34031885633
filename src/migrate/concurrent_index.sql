-- An existing index: whether it is valid, and the statement that drops it. An interrupted `create index concurrently` leaves
-- an INVALID index. No row if there is no such index.
select indisvalid, format('drop index concurrently %s', indexrelid::regclass)
from pg_index
where indexrelid = to_regclass($1)
