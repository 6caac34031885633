-- Identifies this database of this server, until the server restarts. A copy of a server has the same names and identifiers,
-- but another start time.
select format('%s since %s', current_database(), extract(epoch from pg_postmaster_start_time()))
