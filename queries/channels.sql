-- Channels: what the bot syncs and the worker scans. sync_guild (guilds.sql) writes them, too. A trigger sets `updated_at` at
-- every update.
-- A cursor (`last_message_id`) counts as none unless it is a snowflake: older programs left 'NaN' and the like.

--: ChannelRow(name?, type?, is_nsfw?, last_message_id?, last_scanned_at?, last_activity_at?)

--! get_channel : ChannelRow
--- One channel by id.
select /* get_channel */
       channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at,
       message_count, settings, created_at, updated_at
from bot_channels
where channel_id = :channel_id;

--! get_channels_by_guild : ChannelRow
--- A guild's channels in any order: the caller sorts them. Sorted here, no row would be sent before the last one is read, and
--- 10,000 rows would take twice the time.
select /* get_channels_by_guild */
       channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at,
       message_count, settings, created_at, updated_at
from bot_channels
where guild_id = :guild_id;

--! get_reading_channels : ChannelRow
--- The channels of a guild that the worker reads, in any order: the caller sorts them.
select /* get_reading_channels */
       channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at,
       message_count, settings, created_at, updated_at
from bot_channels
where guild_id = :guild_id and is_reading;

--! count_channels_by_guild
--- How many channels of a guild are stored.
select /* count_channels_by_guild */ count(*) as channels from bot_channels where guild_id = :guild_id;

--! total_message_count
--- The sum of a guild's message counts (`sum` of bigints is numeric).
select /* total_message_count */ coalesce(sum(message_count), 0)::bigint as messages
from bot_channels
where guild_id = :guild_id;

--! upsert_channels_for_guild (channel_names[?], channel_types[?], channel_overrides[?])
--- A guild's channels. No channel may come twice, and they come in key order (see upsert_guilds in guilds.sql). Overrides are
--- merged into the stored settings. The guild is locked before its channels, as a racing delete_guilds does. An unknown guild is
--- left to the foreign key, whose error names it.
with /* upsert_channels_for_guild */ written as (
  insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings)
  select i.channel_id,
         coalesce((select g.guild_id from bot_guilds g where g.guild_id = :guild_id for key share), :guild_id),
         i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}')
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

--! set_channel_reading
--- Turns reading on or off, in the column and in `settings.is_enabled`.
update /* set_channel_reading */ bot_channels
set is_reading = :is_reading,
    settings = case when jsonb_typeof(settings) = 'object' then settings else '{}' end
      || jsonb_build_object('is_enabled', :is_reading::boolean)
where channel_id = :channel_id;

--! update_channel_cursor (last_message_id?)
--- Sets the cursor as given, forward, backward or to none.
update /* update_channel_cursor */ bot_channels
set last_message_id = :last_message_id,
    last_scanned_at = now()
where channel_id = :channel_id;

--! update_channel_progress
--- Moves the cursor forward, never back, and adds to the count. Cursors compare as numbers (999 < 1000). The cases are
--- nested because `and` promises no order, and the cast of a text that is no number would fail.
update /* update_channel_progress */ bot_channels
set last_message_id = case
      when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then
        case
          when last_message_id::numeric between :last_seen_message_id::text::numeric and 18446744073709551615
          then last_message_id
          else :last_seen_message_id
        end
      else :last_seen_message_id
    end,
    message_count = message_count + :ingested_count,
    last_scanned_at = now()
where channel_id = :channel_id;

--! touch_channel_activity
--- Marks a channel as active now.
update /* touch_channel_activity */ bot_channels
set last_activity_at = now()
where channel_id = :channel_id;

--! increment_channel_message_count
--- Adds to a channel's message count; a negative number subtracts.
update /* increment_channel_message_count */ bot_channels
set message_count = message_count + :by
where channel_id = :channel_id;

--! update_channel_settings : ChannelSettingsRow()
--- Replaces the top-level keys of the patch. A stored value that is no object is replaced by the patch.
update /* update_channel_settings */ bot_channels
set settings = case when jsonb_typeof(settings) = 'object' then settings || :patch else :patch end
where channel_id = :channel_id
returning channel_id, settings, updated_at;

--! set_channel_settings : ChannelSettingsRow()
--- Replaces a channel's settings as a whole.
update /* set_channel_settings */ bot_channels
set settings = :settings
where channel_id = :channel_id
returning channel_id, settings, updated_at;

--! delete_channels
--- Deletes channels; their scan runs go with them. Rows are locked in key order first, as the batches do.
delete /* delete_channels */ from bot_channels
where channel_id = any(array(
  select channel_id from bot_channels where channel_id = any(:channel_ids::text[]) order by channel_id for update
))
returning channel_id;
