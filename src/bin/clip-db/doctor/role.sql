-- What migrating needs: the right to make tables in `public`, where they must go, and to change those that are there; and
-- for a comparison (adopt, check) the right to create a schema.
select current_user::text, coalesce(current_schema()::text, '(none)'), has_schema_privilege('public', 'create'),
       not exists (
         select
         from pg_class c
         where c.relnamespace = 'public'::regnamespace and not pg_has_role(c.relowner, 'usage')
           and c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs',
                             'install_intents', 'refinery_schema_history')
       ),
       has_database_privilege(current_database(), 'create')
