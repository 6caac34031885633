-- Where calls look for tables, their isolation level, and the statement that gives this role's sessions the right level.
select current_setting('search_path'), coalesce(current_schema()::text, ''),
       current_setting('default_transaction_isolation'),
       format('alter role %I in database %I set default_transaction_isolation = %L',
              session_user, current_database(), 'read committed')
