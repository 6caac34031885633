-- Undoes what a caller's own statements may leave on a session. Prepared statements stay: they are this crate's.
reset all;
select pg_advisory_unlock_all();
unlisten *;
close all;
discard temp;
