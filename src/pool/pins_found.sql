-- What a session has got: its search path; the schema that it begins with; whether all of the crate's names lead to the schema
-- ($1, $2 as an identifier) or nowhere; its isolation level; how it plans statements; and the statement that makes the role's
-- sessions begin in the schema.
select current_setting('search_path'), coalesce(current_schema()::text, '(none)'),
       current_setting('search_path') in ($2, quote_ident($1)) or current_schema() = $1 and not exists (
         select
         from unnest(array['users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs',
                           'install_intents', 'bot_channel_coverage', 'bot_scan_queue', 'bot_clip_messages', 'bot_clips',
                           'bot_authors', 'refinery_schema_history']) t
         join pg_class c on c.oid = to_regclass(t)
         where c.relnamespace <> (select oid from pg_namespace where nspname = $1)
       ),
       current_setting('default_transaction_isolation'),
       current_setting('plan_cache_mode'),
       format('alter role %I in database %I set search_path = %s', session_user, current_database(), $2)
