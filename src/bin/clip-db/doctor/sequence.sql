-- The last number that the sequence of users.id has given (NULL if none, or if this role may not see it), its greatest one, and
-- whether this role may see both the number and the rows. The schema is $1.
select s.last_value, s.max_value,
       has_sequence_privilege(format('%I.%I', s.schemaname, s.sequencename), 'usage,select')
         and has_table_privilege(format('%I.users', s.schemaname), 'select')
from pg_sequences s
where s.schemaname = $1 and s.sequencename = 'users_id_seq'
