-- For a statement outside a transaction: a concurrent index build waits for old transactions and blocks nobody meanwhile.
-- The wait has a limit, because other programs may wait for this one.
select set_config('lock_timeout', '4min', false)
