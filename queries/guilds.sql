-- Guilds: the Discord servers that the bot is in.

--: GuildRow(icon?, owner_user_id?, joined_at?, last_seen_at?)

--! get_guild : GuildRow
--- One guild by id.
select /* get_guild */ guild_id, name, icon, owner_user_id, joined_at, last_seen_at
from bot_guilds
where guild_id = :guild_id;

--! get_guilds : GuildRow
--- Every guild, in the order of their ids (shorter decimal text is the smaller number).
select /* get_guilds */ guild_id, name, icon, owner_user_id, joined_at, last_seen_at
from bot_guilds
order by length(guild_id), guild_id collate "C";

--! upsert_guild (icon?, owner_user_id?, joined_at?)
--- Inserts a guild or replaces its name, icon and owner. `joined_at` is kept once it is there: a later sync does not
--- know it better.
insert /* upsert_guild */ into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
values (:guild_id, :name, :icon, :owner_user_id, coalesce(:joined_at, now()), now())
on conflict (guild_id) do update
set name = excluded.name,
    icon = excluded.icon,
    owner_user_id = excluded.owner_user_id,
    last_seen_at = excluded.last_seen_at;

--! upsert_guilds (icons[?], owner_user_ids[?], joined_ats[?])
--- The same for a batch. No guild may come twice, and they come in key order, so that batches in opposite orders cannot
--- deadlock. The caller sees to both and knows the count: sorting, `distinct on` and counting here made every batch slower.
with /* upsert_guilds */ written as (
  insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
  select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now()
  from unnest(
    :guild_ids::text[], :names::text[], :icons::text[], :owner_user_ids::text[], :joined_ats::timestamptz[]
  ) as t (guild_id, name, icon, owner_user_id, joined_at)
  on conflict (guild_id) do update
  set name = excluded.name,
      icon = excluded.icon,
      owner_user_id = excluded.owner_user_id,
      last_seen_at = excluded.last_seen_at
)
select true as is_written;

--! delete_guilds
--- Deletes guilds; channels and scan runs go with them. Guilds, then channels, are locked in key order first, as the
--- batches do: the cascade itself would take the channels as they lie on the disk.
with /* delete_guilds */ doomed as materialized (
  select guild_id from bot_guilds where guild_id = any(:guild_ids::text[]) order by guild_id for update
),
channels as materialized (
  select c.channel_id
  from bot_channels c join doomed d on d.guild_id = c.guild_id
  order by c.channel_id
  for update of c
)
delete from bot_guilds
where guild_id = any(array(select guild_id from doomed)) and (select count(*) from channels) >= 0
returning guild_id;

--! touch_guild
--- Marks a guild as seen now.
update /* touch_guild */ bot_guilds set last_seen_at = now() where guild_id = :guild_id;

--! sync_guild (icon?, owner_user_id?, joined_at?, channel_names[?], channel_types[?], channel_overrides[?])
--- A guild with its channels, in one statement; the channels as upsert_channels_for_guild (channels.sql) does, a statement of
--- its own because a few channels would cost a third more here. The owner is added to `users` if missing, since Discord names
--- owners whom nobody has stored yet, with the next number of the sequence that no row has (see upsert_users). Channels that
--- are not named stay.
with /* sync_guild */ owner as (
  insert into users (id, discord_user_id)
  select (
           select s.id
           from (select nextval('users_id_seq') as id from (select generate_series(1, 2147483647)) endless) s
           where (select u.id from users u where u.id = s.id) is null
           limit 1
         ),
         :owner_user_id::text
  where :owner_user_id::text is not null
    and not exists (select from users u where u.discord_user_id = :owner_user_id)
  on conflict (discord_user_id) do nothing
),
replaced as (
  insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
  values (:guild_id, :name, :icon, :owner_user_id, coalesce(:joined_at, now()), now())
  on conflict (guild_id) do update
  set name = excluded.name,
      icon = excluded.icon,
      owner_user_id = excluded.owner_user_id,
      last_seen_at = excluded.last_seen_at
  returning guild_id
),
written as (
  -- Reading the guild's id locks the guild before its channels.
  insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
  select i.channel_id, (select r.guild_id from replaced r), i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}')
  from unnest(
    :channel_ids::text[], :channel_names::text[], :channel_types::text[], :channel_nsfws::boolean[],
    :channel_overrides::jsonb[]
  ) as i (channel_id, name, type, is_nsfw, overrides)
  on conflict (channel_id) do update
  set guild_id = excluded.guild_id,
      name = excluded.name,
      type = excluded.type,
      is_nsfw = excluded.is_nsfw,
      settings = case
        when excluded.settings = '{}' then c.settings
        when jsonb_typeof(c.settings) = 'object' then c.settings || excluded.settings
        else excluded.settings
      end
)
select true as is_written;
