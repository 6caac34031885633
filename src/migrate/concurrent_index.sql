-- An index that is there already: whether it is valid, and how to take it away if it is not. A `create index concurrently`
-- that did not come to its end leaves an INVALID one. No row if there is no such index.
select indisvalid, format('drop index concurrently %s', indexrelid::regclass)
from pg_index
where indexrelid = to_regclass($1)
