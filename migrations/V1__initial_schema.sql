-- Exactly the schema that the Python (psycopg3) bot created, so that its databases can be adopted as they are.
-- Never edit this file: what comes later is a new migration.

create extension if not exists pgcrypto with schema public;

create type scan_status as enum ('queued', 'running', 'succeeded', 'failed', 'canceled');

create table users (
  id serial primary key,
  discord_user_id text not null unique,
  username text,
  global_name text,
  avatar text,
  last_login_at timestamptz
);

create table bot_guilds (
  guild_id text primary key,
  name text not null,
  icon text,
  owner_user_id text references users (discord_user_id) on delete set null,
  joined_at timestamptz default now(),
  last_seen_at timestamptz default now()
);

-- No foreign key: settings may exist before the bot has joined the guild and stay when it leaves.
create table guild_settings (
  guild_id text primary key,
  settings jsonb not null default '{}',
  updated_at timestamptz default now()
);

create table bot_channels (
  channel_id text primary key,
  guild_id text not null references bot_guilds (guild_id) on delete cascade,
  name text,
  type text,
  is_nsfw boolean default false,
  is_reading boolean not null default false,
  last_message_id text,
  last_scanned_at timestamptz,
  last_activity_at timestamptz,
  message_count bigint not null default 0,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index idx_bot_channels_guild on bot_channels (guild_id);
create index idx_bot_channels_isreading on bot_channels (is_reading) where is_reading = true;
create index idx_bot_channels_last_message_id on bot_channels (last_message_id);
create index idx_bot_channels_work on bot_channels (guild_id, is_reading, last_scanned_at);

create function set_updated_at() returns trigger
  language plpgsql
  as $$
    begin
      new.updated_at = now();
      return new;
    end; $$;

create trigger trg_bot_channels_updated_at
  before update on bot_channels
  for each row execute function set_updated_at();

create table bot_channel_scan_runs (
  id uuid primary key default gen_random_uuid(),
  channel_id text not null references bot_channels (channel_id) on delete cascade,
  after_message_id text,
  before_message_id text,
  status scan_status not null default 'queued',
  messages_scanned bigint not null default 0,
  messages_matched bigint not null default 0,
  error_message text,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now()
);

create index idx_bot_scan_runs_channel on bot_channel_scan_runs (channel_id, created_at desc);

create table install_intents (
  state text primary key,
  user_id text not null references users (discord_user_id) on delete cascade,
  guild_id text not null,
  created_at timestamp default current_timestamp,
  expires_at timestamp not null
);
