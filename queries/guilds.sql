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
    last_seen_at = excluded.last_seen_at
returning guild_id;

--! upsert_guilds (icons[?], owner_user_ids[?], joined_ats[?])
--- The same for a batch, in key order (batches in opposite orders would deadlock); of duplicates the last one wins.
--- Returns how many distinct guilds were written.
with /* upsert_guilds */ input as (
  select distinct on (guild_id) guild_id, name, icon, owner_user_id, joined_at
  from unnest(
    :guild_ids::text[], :names::text[], :icons::text[], :owner_user_ids::text[], :joined_ats::timestamptz[]
  ) with ordinality as t (guild_id, name, icon, owner_user_id, joined_at, n)
  order by guild_id, n desc
),
written as (
  insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
  select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now()
  from input
  order by guild_id
  on conflict (guild_id) do update
  set name = excluded.name,
      icon = excluded.icon,
      owner_user_id = excluded.owner_user_id,
      last_seen_at = excluded.last_seen_at
  returning guild_id
)
select count(*) as written from written;

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
),
deleted as (
  delete from bot_guilds g
  using doomed d
  where g.guild_id = d.guild_id and (select count(*) from channels) >= 0
  returning g.guild_id
)
select count(*) as deleted from deleted;

--! touch_guild
--- Marks a guild as seen now.
update /* touch_guild */ bot_guilds set last_seen_at = now() where guild_id = :guild_id returning guild_id;

--! sync_guild (name?, icon?, owner_user_id?, joined_at?, channel_names[?], channel_types[?], channel_overrides[?])
--- A guild with its channels, in one statement; or its channels alone, if no name of the guild is given. The owner is
--- added to `users` if missing, since Discord names owners whom nobody has stored yet, with the next number of the sequence
--- that no row has (see upsert_users). No channel may come twice; in key order, so that batches in opposite orders cannot
--- deadlock. Overrides are merged into the stored settings. Channels that are not named stay. Returns how many channels were
--- written.
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
  select :guild_id, :name, :icon, :owner_user_id, coalesce(:joined_at, now()), now()
  where :name::text is not null
  on conflict (guild_id) do update
  set name = excluded.name,
      icon = excluded.icon,
      owner_user_id = excluded.owner_user_id,
      last_seen_at = excluded.last_seen_at
  returning guild_id
),
locked as materialized (
  select from bot_guilds where :name::text is null and guild_id = :guild_id for key share
),
written as (
  -- The joins lock the guild before its channels, as a racing delete_guilds does. They are left joins: an unknown guild is
  -- left to the foreign key, whose error names it.
  insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
  select i.channel_id, :guild_id, i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}')
  from unnest(
    :channel_ids::text[], :channel_names::text[], :channel_types::text[], :channel_nsfws::boolean[],
    :channel_overrides::jsonb[]
  ) as i (channel_id, name, type, is_nsfw, overrides) left join replaced on true left join locked on true
  order by i.channel_id
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
  returning c.channel_id
)
select count(*) as written from written;
