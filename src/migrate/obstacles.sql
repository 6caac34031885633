-- What the role may do in this database and in the schema $1 (docs/PRIVILEGES.md), and who owns them; names are quoted where SQL
-- needs it. `pg_database_owner` stands for the database's owner.
select quote_ident(current_user), quote_ident(d.datname), d.datdba::regrole::text, has_database_privilege(d.oid, 'create'),
       coalesce(nullif(n.nspowner::regrole::text, 'pg_database_owner'), d.datdba::regrole::text),
       coalesce(has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage'), false),
       array(
         select format('%s: %s', c.relname, c.relowner::regrole)
         from pg_class c
         where c.relnamespace = n.oid and not pg_has_role(c.relowner, 'usage')
           and c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs',
                             'install_intents', 'bot_channel_coverage', 'bot_scan_queue', 'bot_clip_messages',
                             'bot_clips', 'bot_authors')
         order by c.relname
       ),
       not exists (
         select
         from pg_class c
         where c.relnamespace = n.oid and c.relname = 'refinery_schema_history'
           and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert'))
       ),
       exists (select from pg_extension where extname = 'pgcrypto'),
       exists (select from pg_available_extensions where name = 'pgcrypto'),
       exists (select from pg_roles where rolname = current_user and rolsuper)
         or has_database_privilege(d.oid, 'create')
            and exists (select from pg_available_extension_versions where name = 'pgcrypto' and trusted),
       n.oid is not null, quote_ident($1)
from pg_database d
left join pg_namespace n on n.nspname = $1
where d.datname = current_database()
