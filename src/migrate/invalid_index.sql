-- How to take away an index that is there but INVALID: what a `create index concurrently` that did not come to its end
-- leaves. No row if there is none.
select format('drop index concurrently %s', indexrelid::regclass) from pg_index
where indexrelid = to_regclass($1) and not indisvalid
