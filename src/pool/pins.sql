-- The settings that the queries were written for: where the tables are ($1), the isolation level, and one plan for all calls of a
-- statement.
select set_config('search_path', $1, false), set_config('default_transaction_isolation', 'read committed', false),
       set_config('plan_cache_mode', 'force_generic_plan', false)
