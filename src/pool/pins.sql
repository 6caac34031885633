-- The settings that the queries were written for: where the tables are ($1), the isolation level, and how statements are planned
-- ($2; if it is null, as before).
select set_config('search_path', $1, false), set_config('default_transaction_isolation', 'read committed', false),
       set_config('plan_cache_mode', coalesce($2, current_setting('plan_cache_mode')), false)
