-- A guild's settings: one JSON object. No foreign key: they may exist before the guild and outlive it.
-- The table has no trigger: every write here sets `updated_at`.

--: GuildSettingsRow(updated_at?)

--! get_guild_settings : GuildSettingsRow
--- The settings of one guild.
select /* get_guild_settings */ guild_id, settings, updated_at from guild_settings where guild_id = :guild_id;

--! ensure_guild_settings : GuildSettingsRow
--- The settings of one guild, created from the defaults if there are none. "Do nothing, then select" would miss a row
--- that a concurrent call has just committed; the no-op update returns it.
with /* ensure_guild_settings */ existing as (
  select guild_id, settings, updated_at from guild_settings where guild_id = :guild_id
),
created as (
  insert into guild_settings as s (guild_id, settings, updated_at)
  select :guild_id, :defaults::jsonb, now()
  where not exists (select from existing)
  on conflict (guild_id) do update set guild_id = excluded.guild_id
  returning s.guild_id, s.settings, s.updated_at
)
select guild_id, settings, updated_at from existing
union all
select guild_id, settings, updated_at from created;

--! update_guild_settings : GuildSettingsRow
--- Replaces the top-level keys of the patch. A stored value that is no object is replaced by the patch.
update /* update_guild_settings */ guild_settings
set settings = case when jsonb_typeof(settings) = 'object' then settings || :patch else :patch end,
    updated_at = now()
where guild_id = :guild_id
returning guild_id, settings, updated_at;

--! set_guild_settings : GuildSettingsRow
--- Replaces the settings as a whole; creates the row if missing.
insert /* set_guild_settings */ into guild_settings as s (guild_id, settings, updated_at)
values (:guild_id, :settings, now())
on conflict (guild_id) do update
set settings = excluded.settings,
    updated_at = excluded.updated_at
returning s.guild_id, s.settings, s.updated_at;
