-- What migrating needs: the right to create tables in the schema ($1; NULL if it does not exist), and to change the existing
-- ones. A comparison (adopt, check) also needs the right to create a schema.
select current_user::text, (select has_schema_privilege(oid, 'create') from pg_namespace where nspname = $1),
       not exists (
         select
         from pg_class c
         where c.relnamespace = (select oid from pg_namespace where nspname = $1) and not pg_has_role(c.relowner, 'usage')
           and c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs',
                             'install_intents', 'refinery_schema_history')
       ),
       has_database_privilege(current_database(), 'create')
