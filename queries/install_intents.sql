-- Install intents: somebody began to add the bot to a guild. The two times are `timestamp` without zone and hold UTC:
-- they are written from and compared with `now() at time zone 'utc'`, whatever the session's zone, and read as
-- timestamptz.

--: InstallIntentRow(created_at?)

--! create_install_intent : InstallIntentRow
--- Stores an intent that expires after the given number of seconds. `created_at` is written because its default
--- follows the session's zone.
insert /* create_install_intent */ into install_intents (state, user_id, guild_id, created_at, expires_at)
values (
  :state, :user_id, :guild_id, now() at time zone 'utc',
  (now() at time zone 'utc') + make_interval(secs => :lifetime_seconds)
)
returning state, user_id, guild_id, created_at at time zone 'utc' as created_at,
          expires_at at time zone 'utc' as expires_at;

--! get_install_intent : InstallIntentRow
--- One intent by its state, expired or not.
select /* get_install_intent */ state, user_id, guild_id, created_at at time zone 'utc' as created_at,
       expires_at at time zone 'utc' as expires_at
from install_intents
where state = :state;

--! consume_install_intent : InstallIntentRow
--- Takes an intent that has not expired: returns and deletes it, so that it counts once.
delete /* consume_install_intent */ from install_intents
where state = :state and expires_at > now() at time zone 'utc'
returning state, user_id, guild_id, created_at at time zone 'utc' as created_at,
          expires_at at time zone 'utc' as expires_at;

--! purge_expired_install_intents
--- Deletes the intents that expired at least the grace ago; returns how many.
with /* purge_expired_install_intents */ deleted as (
  delete from install_intents
  where expires_at <= (now() at time zone 'utc') - make_interval(secs => :grace_seconds)
  returning state
)
select count(*) as deleted from deleted;
