-- What is asked before a batch is sent in parts.

--! current_transaction : (id?)
--- The transaction that this statement is in: two answers of a connection are the same if nothing ended in between. A
--- virtual id, as every transaction has one from the start; drawing a real one would write.
select /* current_transaction */ virtualtransaction as id
from pg_locks
where pid = pg_backend_pid() and locktype = 'virtualxid';
