-- Where calls look for tables, and whether the schema ($1) exists: without the right to use it, it is not the current one.
select current_setting('search_path'), coalesce(current_schema()::text, ''),
       exists (select from pg_namespace where nspname = $1::text)
