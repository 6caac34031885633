-- What migrating needs: the right to create tables in `public`, and to change the existing ones. A comparison (adopt, check)
-- also needs the right to create a schema.
select current_user::text, coalesce(current_schema()::text, '(none)'), has_schema_privilege('public', 'create'),
       not exists (
         select
         from pg_class c
         where c.relnamespace = 'public'::regnamespace and not pg_has_role(c.relowner, 'usage')
           and c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs',
                             'install_intents', 'refinery_schema_history')
       ),
       has_database_privilege(current_database(), 'create')
