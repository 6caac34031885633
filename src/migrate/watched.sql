-- The server ends the session soon after its program is gone. PostgreSQL 14 and later, where the platform can tell.
select set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval'
