-- Where the tables are. Of the schema ($1): whether it exists; the statement that lets this role use it, if it may not; which of
-- this program's names are taken there, whether the Python programs took them, and whether their second generation did; whether
-- it has a history. Of other schemas where this role can read tables of the Python programs: those without a history; those with
-- one, which may be another program's. Then the one of these that the role's own search path leads to; whether somebody has set
-- that path, to this schema first; the statement that sets it so; and, if the path leads elsewhere, whether the schema's own
-- tables hold rows. Tables count as those of the Python programs by columns that both generations have: `users` may be anybody's.
with ours (relation, columns) as (
  values ('users', '{}'::text[]), ('guild_settings', '{}'), ('refinery_schema_history', '{}'),
         ('bot_channel_coverage', '{}'), ('bot_scan_queue', '{}'), ('bot_clip_messages', '{}'), ('bot_clips', '{}'),
         ('bot_authors', '{}'),
         ('install_intents', '{state,guild_id,user_id,expires_at}'),
         ('bot_guilds', '{guild_id,icon,joined_at,last_seen_at}'),
         ('bot_channels', '{channel_id,guild_id,is_reading,message_count}'),
         ('bot_channel_scan_runs', '{channel_id,messages_scanned,messages_matched}')
), found as (
  select n.nspname::text as schema, o.relation, c.oid, has_table_privilege(c.oid, 'select') as is_readable,
         c.relkind in ('r', 'p') and o.columns <> '{}' and o.columns <@ array(
           select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
         ) as is_python
  from ours o join pg_class c on c.relname = o.relation join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and has_schema_privilege(n.oid, 'usage')
), elsewhere as (
  select schema, bool_or(relation = 'refinery_schema_history') as has_history,
         coalesce(bool_and(is_readable) filter (where relation = 'refinery_schema_history'), true) as is_readable
  from found
  where schema <> $1
  group by schema
  having bool_or(is_python and is_readable)
), setting as (
  -- This session has another search path.
  select substr(entry, length('search_path=') + 1) as path
  from pg_db_role_setting s cross join unnest(setconfig) entry
  where starts_with(entry, 'search_path=')
    and setdatabase in (0, (select oid from pg_database where datname = current_database()))
    and setrole in (0, (select oid from pg_roles where rolname = session_user))
  order by setrole <> 0 desc, setdatabase <> 0 desc
  limit 1
), path as (
  select case when name[2] = '$user' or name[1] = '$user' then current_user
              else coalesce(replace(name[1], '""', '"'), name[2]) end as schema, place
  from regexp_matches(coalesce((select path from setting), '"$user", public'), '"((?:[^"]|"")+)"|([^", ]+)', 'g')
       with ordinality as names (name, place)
), usual as (
  select p.schema
  from path p join found f on f.schema = p.schema
  where f.is_python and f.is_readable
  order by p.place
  limit 1
)
select exists (select from pg_namespace where nspname = $1),
       (select format('grant usage on schema %I to %I', nspname, current_user)
        from pg_namespace where nspname = $1 and not has_schema_privilege(oid, 'usage')),
       array(select relation from found where schema = $1 and relation <> 'refinery_schema_history' order by relation),
       exists (select from found where schema = $1 and is_python),
       exists (
         select
         from found f join pg_attribute a on a.attrelid = f.oid
         where f.schema = $1 and f.relation = 'bot_guilds' and a.attname = 'owner_user_id_id' and not a.attisdropped
       ),
       exists (select from found where schema = $1 and relation = 'refinery_schema_history'),
       array(select schema from elsewhere where not has_history order by schema),
       array(select schema from elsewhere where has_history and is_readable order by schema),
       (select schema from usual where schema <> $1),
       exists (select from setting) and $1 is not distinct from (
         select p.schema from path p left join pg_namespace n on n.nspname = p.schema
         where n.oid is not null or p.schema = $1 -- not made yet
         order by p.place limit 1
       ),
       format('alter role %I in database %I set search_path = %I', session_user, current_database(), $1),
       case when exists (select from usual where schema <> $1) then exists (
         select from found where schema = $1 and relation <> 'refinery_schema_history' and pg_relation_size(oid) > 0
       ) end
