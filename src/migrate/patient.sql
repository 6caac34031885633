-- While an index is built concurrently the session waits for old transactions, and stands in nobody's way.
select set_config('lock_timeout', '0', false)
