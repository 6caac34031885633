-- Whether the server takes no writes: a standby, or a database that is set to read only.
show transaction_read_only
