-- The rights that this role lacks, each with the tables. Nothing of tables that are not there.
with needed (relation, rights) as (
  values ('users', '{select,insert,update,delete}'::text[]), ('bot_guilds', '{select,insert,update,delete}'),
         ('guild_settings', '{select,insert,update,delete}'), ('bot_channels', '{select,insert,update,delete}'),
         ('bot_channel_scan_runs', '{select,insert,update,delete}'), ('install_intents', '{select,insert,update,delete}'),
         ('refinery_schema_history', '{select}'), ('users_id_seq', '{usage}')
), lacking as (
  select n.relation, string_agg(r, ', ' order by place) as rights
  from needed n
  join pg_class c on c.relname = n.relation and c.relnamespace = 'public'::regnamespace
  cross join unnest(n.rights) with ordinality as t (r, place)
  where not case c.relkind when 'S' then has_sequence_privilege(c.oid, r) else has_table_privilege(c.oid, r) end
  group by n.relation
)
select rights, string_agg(relation, ', ' order by relation) from lacking group by rights
union all
select 'usage', 'schema public' where not has_schema_privilege('public', 'usage')
order by 1
