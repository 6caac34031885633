-- Begins a transaction at the isolation level that the queries were written for.
begin isolation level read committed
