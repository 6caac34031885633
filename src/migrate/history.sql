-- The migrations that were applied, oldest first. refinery keeps this table.
select version, name, applied_on, checksum from public.refinery_schema_history order by version
