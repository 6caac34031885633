-- Asked on a new connection: whether the backend ($1) is running a statement, and whether the server accepts no writes.
-- Where `track_activities` is off, the state is 'disabled', and the statement counts as running. A setting that this
-- program has sent (`source = 'client'`) says nothing about the server.
select exists (
         select
         from pg_stat_activity
         where pid = $1 and datname = current_database() and usename = session_user
           and state in ('active', 'fastpath function call', 'disabled')
       ),
       pg_is_in_recovery() or exists (
         select
         from pg_settings
         where name = 'default_transaction_read_only' and setting = 'on' and source <> 'client'
       )
