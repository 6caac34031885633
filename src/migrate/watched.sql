-- Lets the server end the session soon after its program has died: PostgreSQL 14 and later, on platforms that support it.
select set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval'
