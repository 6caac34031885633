-- The tables of the schema ($1) whose row-level security applies to this role, and whether its policies let it read and write
-- every row.
select c.relname::text,
       exists (
         select
         from pg_policy p
         where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*'
           and pg_get_expr(p.polqual, p.polrelid) = 'true'
           and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
           and (0 = any(p.polroles) or exists (select from unnest(p.polroles) r where r <> 0 and pg_has_role(r, 'usage')))
       )
       and not exists (
         select
         from pg_policy p
         where p.polrelid = c.oid and not p.polpermissive
           and (0 = any(p.polroles) or exists (select from unnest(p.polroles) r where r <> 0 and pg_has_role(r, 'usage')))
       ),
       current_user::text
from pg_class c
where c.relnamespace = (select oid from pg_namespace where nspname = $1)
  and c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs', 'install_intents',
                    'bot_channel_coverage', 'bot_scan_queue', 'bot_clip_messages', 'bot_clips', 'bot_authors')
  and row_security_active(c.oid)
order by 1
