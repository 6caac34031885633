-- The sessions with these process ids ($1). The server hides state, times, address and statement of other roles' sessions
-- from ordinary roles; those are NULL then. Only the first words of a statement are read, up to the first literal: it may
-- hold anything. 0 is a prepared transaction.
select pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''), host(a.client_addr), a.state,
       extract(epoch from clock_timestamp() - a.state_change)::float8,
       case when a.state is not null then left(btrim(regexp_replace(
         regexp_replace(a.query, '(''|\$\w*\$).*$', '...'), '(--[^\n]*(\n|$)|\s)+', ' ', 'g')), 60) end
from unnest($1) pid
left join pg_stat_activity a using (pid)
where pid = 0 or a.pid is not null
order by pid
