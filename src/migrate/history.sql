-- The migrations that were applied, oldest first. refinery keeps this table, in the schema that the search path names.
select version::int8, name, applied_on, checksum from refinery_schema_history order by version
