-- The rights that each program needs (docs/PRIVILEGES.md) and this role lacks in the schema ($1), each with its tables. Tables
-- that do not exist are left out.
with needed (program, relation, rights) as (
  values ('the bot', 'users', '{select,insert,update}'::text[]), ('the bot', 'users_id_seq', '{usage}'),
         ('the bot', 'bot_guilds', '{select,insert,update,delete}'),
         ('the bot', 'guild_settings', '{select,insert,update}'),
         ('the bot', 'bot_channels', '{select,insert,update,delete}'),
         ('the bot', 'bot_channel_scan_runs', '{select,insert,update,delete}'),
         ('the bot', 'bot_scan_queue', '{select,insert}'),
         ('the bot', 'bot_channel_coverage', '{select,insert,update}'),
         ('the bot', 'bot_clip_messages', '{select,insert,update}'), ('the bot', 'bot_clips', '{select,insert,update}'),
         ('the bot', 'bot_authors', '{select,insert,update}'),
         ('the bot', 'install_intents', '{select,insert,delete}'),
         ('the bot', 'refinery_schema_history', '{select}'),
         ('the worker', 'bot_guilds', '{select,update}'), ('the worker', 'bot_channels', '{select,update}'),
         ('the worker', 'bot_channel_scan_runs', '{select,insert,update}'),
         ('the worker', 'bot_scan_queue', '{select,insert,update}'),
         ('the worker', 'bot_channel_coverage', '{select,insert,update}'),
         ('the worker', 'bot_clip_messages', '{select,insert,update}'),
         ('the worker', 'bot_clips', '{select,insert,update}'), ('the worker', 'bot_authors', '{select,insert,update}'),
         ('the worker', 'refinery_schema_history', '{select}')
), lacking as (
  select n.program, n.relation, string_agg(r, ', ' order by place) as rights
  from needed n
  join pg_class c on c.relname = n.relation and c.relnamespace = (select oid from pg_namespace where nspname = $1)
  cross join unnest(n.rights) with ordinality as t (r, place)
  where not case c.relkind when 'S' then has_sequence_privilege(c.oid, r) else has_table_privilege(c.oid, r) end
  group by n.program, n.relation
)
select program, rights, string_agg(relation, ', ' order by relation) from lacking group by program, rights
union all
select program, 'usage', 'the schema ' || nspname
from unnest(array['the bot', 'the worker']) as program, pg_namespace n
where nspname = $1 and not has_schema_privilege(n.oid, 'usage')
order by 1, 2
