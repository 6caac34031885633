-- The server's version as text and as a number, whether it is a standby, and whether sessions are read-only.
select current_setting('server_version'), current_setting('server_version_num')::int4, pg_is_in_recovery(),
       current_setting('transaction_read_only')::bool
