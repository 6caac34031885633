-- The last number that the sequence of users.id has given (NULL if none, or if this role may not see it), its greatest one,
-- whether this role may see both the number and the rows, whether users.id is a number, and the sequence's name as an
-- identifier and as a literal. The schema is $1.
select s.last_value, s.max_value,
       coalesce(has_sequence_privilege(format('%I.%I', s.schemaname, s.sequencename), 'usage,select')
         and has_table_privilege(a.attrelid, 'select'), false),
       coalesce(a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype), false),
       format('%I.%I', s.schemaname, s.sequencename),
       quote_literal(format('%I.%I', s.schemaname, s.sequencename))
from pg_sequences s
left join pg_attribute a on a.attname = 'id' and not a.attisdropped
  and a.attrelid = to_regclass(format('%I.users', s.schemaname))
where s.schemaname = $1 and s.sequencename = 'users_id_seq'
