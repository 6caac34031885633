-- The settings that the queries were written for: where the tables are ($1), and the isolation level.
select set_config('search_path', $1, false), set_config('default_transaction_isolation', 'read committed', false)
