-- This database of this server, which has not been restarted between two looks. The copy of a server has the same name and
-- identifiers, but it was started at another moment.
select format('%s since %s', current_database(), extract(epoch from pg_postmaster_start_time()))
