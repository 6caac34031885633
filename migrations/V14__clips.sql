-- Messages with clips, their clips (attachments) and authors. Ids of Discord are bigint here; channels and guilds stay text as
-- in the tables that they refer to. New tables: programs that know nothing of them go on.
-- safe: the foreign keys to bot_channels and bot_guilds are of empty tables, which takes milliseconds.

-- A message with clips, or the tombstone of a message that was deleted.
create table bot_clip_messages (
  message_id bigint primary key,
  -- squawk-ignore adding-foreign-key-constraint
  channel_id text not null references bot_channels (channel_id) on delete cascade,
  author_id bigint, -- null in the tombstone of a message that was never stored
  created_at timestamptz not null,
  deleted_at timestamptz
);

create index idx_bot_clip_messages_channel on bot_clip_messages (channel_id);

create table bot_clips (
  attachment_id bigint primary key,
  message_id bigint not null,
  -- squawk-ignore adding-foreign-key-constraint
  channel_id text not null references bot_channels (channel_id) on delete cascade,
  guild_id text not null,
  author_id bigint not null,
  file_name text not null,
  content_type text,
  size bigint not null, -- bytes
  duration_seconds double precision,
  -- Pixels: 32 bits are enough.
  -- squawk-ignore prefer-bigint-over-int
  width integer,
  -- squawk-ignore prefer-bigint-over-int
  height integer,
  url text not null,
  url_expires_at timestamptz, -- null: the URL does not say
  first_seen_at timestamptz not null default now(),
  deleted_at timestamptz
);

-- get_clips with each of its filters: newest first, in the order of message and attachment.
create index idx_bot_clips_guild on bot_clips (guild_id, message_id, attachment_id) where deleted_at is null;
create index idx_bot_clips_guild_author on bot_clips (guild_id, author_id, message_id, attachment_id)
  where deleted_at is null;
create index idx_bot_clips_channel_author on bot_clips (channel_id, author_id, message_id, attachment_id)
  where deleted_at is null;
-- Not partial: it also serves deletions, of messages and of channels.
create index idx_bot_clips_channel on bot_clips (channel_id, message_id, attachment_id);
-- get_expiring_clips
create index idx_bot_clips_expiry on bot_clips (url_expires_at, attachment_id) where deleted_at is null;

-- Authors of messages with clips, as last seen in a guild.
create table bot_authors (
  -- squawk-ignore adding-foreign-key-constraint
  guild_id text not null references bot_guilds (guild_id) on delete cascade,
  user_id bigint not null,
  name text not null,
  display_name text,
  avatar text,
  primary key (guild_id, user_id)
);
