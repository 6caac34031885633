-- Where calls look for tables.
select current_setting('search_path'), coalesce(current_schema()::text, '')
