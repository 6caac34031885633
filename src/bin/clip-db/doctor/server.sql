-- The server's version, as text and as a number, and whether it takes writes: a standby doesn't, nor does a session that
-- is told to be read only.
select current_setting('server_version'), current_setting('server_version_num')::int4, pg_is_in_recovery(),
       current_setting('transaction_read_only')::bool
