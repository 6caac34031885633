-- Cancels the statement of a session ($1) of this role.
select pg_cancel_backend($1)
