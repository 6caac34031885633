-- The highest number of a user.
select coalesce(max(id), 0)::int8 from users
