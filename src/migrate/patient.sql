-- While an index is built concurrently the session waits for old transactions, and stands in nobody's way. Not for ever:
-- other programs may wait for this one.
select set_config('lock_timeout', '4min', false)
