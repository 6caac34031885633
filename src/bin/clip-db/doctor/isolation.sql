-- The isolation level of this session's transactions; what database and role set it to, if that is another one; and the
-- statement that gives this role's sessions the right level.
select current_setting('default_transaction_isolation'),
       (
         select string_agg(owner || ' says ' || value, ', ' order by owner)
         from (
           select case when s.setrole = 0 then 'the database' else 'the role' end as owner, split_part(c, '=', 2) as value
           from pg_db_role_setting s, unnest(s.setconfig) c
           where c like 'default\_transaction\_isolation=%'
             and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
             and s.setrole in (0, (select oid from pg_roles where rolname = session_user))
         ) settings
         where value <> 'read committed'
       ),
       format('alter role %I in database %I set default_transaction_isolation = %L',
              session_user, current_database(), 'read committed')
