-- What has the names of this program's tables in the schema ($1): each name, whether it is a table with the key columns that all
-- generations of the Python programs gave it, and whether it has a column of the second generation alone.
with ours (relation, keys) as (
  values ('users', '{discord_user_id}'::text[]), ('bot_guilds', '{guild_id}'), ('guild_settings', '{guild_id,settings}'),
         ('bot_channels', '{channel_id,guild_id}'), ('bot_channel_scan_runs', '{channel_id}'),
         ('install_intents', '{state,user_id,guild_id,expires_at}')
)
select o.relation,
       c.relkind in ('r', 'p') and o.keys <@ array(
         select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ),
       exists (
         select
         from pg_attribute a
         where a.attrelid = c.oid and not a.attisdropped and (o.relation, a.attname) = ('bot_guilds', 'owner_user_id_id')
       )
from ours o
join pg_class c on c.relname = o.relation
                and c.relnamespace = (select n.oid from pg_namespace n where n.nspname = $1)
order by o.relation
