-- A statement whose name shows whether a pooler renames prepared statements.
select 1
