-- Whether the server takes no writes: a standby, or a session that is told to be read only.
select pg_is_in_recovery() or current_setting('transaction_read_only')::bool
