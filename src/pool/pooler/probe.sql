-- Is a prepared statement found again behind a pooler?
select 1
