-- Whether the server accepts no writes, and whether it is a standby.
select current_setting('transaction_read_only'), pg_is_in_recovery()
