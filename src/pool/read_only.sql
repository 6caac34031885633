-- Whether the server accepts no writes: it is a standby, or the session is read-only.
show transaction_read_only
