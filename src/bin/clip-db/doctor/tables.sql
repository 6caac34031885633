-- What has the name of a table of ours and is none: in the schema ($1), or as a temporary table of any session.
select c.relname::text,
       case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                      else 'no table' end,
       n.nspname <> $1
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname in ('users', 'bot_guilds', 'guild_settings', 'bot_channels', 'bot_channel_scan_runs', 'install_intents',
                    'bot_channel_coverage', 'bot_scan_queue', 'bot_clip_messages', 'bot_clips', 'bot_authors')
  and (n.nspname = $1 and c.relkind not in ('r', 'p') or n.nspname ~ '^pg_temp_')
order by 3, 1
