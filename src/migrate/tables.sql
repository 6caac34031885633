-- Where the tables are: whether the schema ($1) exists; the statement that lets this role use it, if it may not; whether it has
-- tables and a history; the other schemas in which this role can read tables that have no history; which of them the role's own
-- search path leads to; and, if it leads to one, whether the schema's own tables hold rows. In other schemas only the names that
-- begin with bot_ count: `users` may be anybody's.
with found as (
  select n.nspname::text as schema, c.relname, c.oid,
         starts_with(c.relname::text, 'bot_') and has_table_privilege(c.oid, 'select') as is_ours
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs', 'install_intents',
                      'refinery_schema_history')
    and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and has_schema_privilege(n.oid, 'usage')
), elsewhere as (
  select schema
  from found
  where schema <> $1
  group by schema
  having bool_or(is_ours) and not bool_or(relname = 'refinery_schema_history')
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
  select coalesce(replace(name[1], '""', '"'), name[2]) as schema, place
  from regexp_matches(coalesce((select path from setting), '"$user", public'), '"((?:[^"]|"")+)"|([^", ]+)', 'g')
       with ordinality as names (name, place)
), usual as (
  select f.schema
  from path p join found f on f.schema = case p.schema when '$user' then current_user else p.schema end
  where f.is_ours
  order by p.place
  limit 1
), other as (
  select schema from usual where schema in (select schema from elsewhere)
)
select exists (select from pg_namespace where nspname = $1),
       (select format('grant usage on schema %I to %I', nspname, current_user)
        from pg_namespace where nspname = $1 and not has_schema_privilege(oid, 'usage')),
       exists (select from found where schema = $1 and relname <> 'refinery_schema_history'),
       exists (select from found where schema = $1 and relname = 'refinery_schema_history'),
       array(select schema from elsewhere order by schema),
       (select schema from other),
       case when exists (select from other) then exists (
         select from found where schema = $1 and relname <> 'refinery_schema_history' and pg_relation_size(oid) > 0
       ) end
