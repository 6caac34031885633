-- clip-db doctor: is a prepared statement found again behind a pooler?
select 1
