-- How long a statement of this session waits for one lock, in milliseconds; 0 for ever.
select set_config('lock_timeout', ($1::int8)::text, false)
