-- Whether the server accepts no writes: it is a standby, or the session is read-only.
select pg_is_in_recovery() or current_setting('transaction_read_only')::bool
