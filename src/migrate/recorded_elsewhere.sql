-- Whether another schema ({schema}) has a history of this program: its first migration has the name $1 and the checksum $2.
select exists (select from {schema}.refinery_schema_history where name = $1 and checksum = $2)
