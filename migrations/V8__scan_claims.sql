-- Scans that workers share. A run with a turn is shared: workers claim it, for the time of a lease. Runs without one belong to
-- the programs that enqueued them, as before. Columns are nullable or have a constant default: adding them takes milliseconds,
-- and programs that know nothing of them go on. Small numbers need no 64 bits.
alter table bot_channel_scan_runs
  -- squawk-ignore prefer-bigint-over-smallint
  add column priority smallint not null default 0,
  add column turn bigint, -- the place in the queue among runs of its priority
  -- Not `guild_id`: programs join runs with channels, and that name would become ambiguous in their SQL.
  add column queue_guild_id text, -- of a shared run, for its place in the queue
  add column not_before timestamptz, -- a queued run is delayed until then
  add column claim_token bigint not null default 0, -- grows with every claim, and is never reset
  add column claim_request uuid, -- the call that claimed it
  add column worker text,
  add column lease_until timestamptz,
  -- squawk-ignore prefer-bigint-over-int
  add column attempts integer not null default 0, -- claims that were not handed back
  -- squawk-ignore prefer-bigint-over-int
  add column takeovers integer not null default 0, -- claims of a run whose lease had expired
  add column cancel_requested_at timestamptz;

-- Room on each page, so that a page of messages updates its run in place.
alter table bot_channel_scan_runs set (fillfactor = 80);

-- For each priority a place before which hardly a run is queued: a claim begins to look there, behind the entries of runs that
-- were claimed and that vacuum has not removed yet. A run's place is its turn, then its age; its id makes it unique.
create table bot_scan_queue (
  -- squawk-ignore prefer-bigint-over-smallint
  priority smallint primary key,
  turn bigint not null default 0,
  created_at timestamptz not null default '-infinity',
  run_id uuid not null default '00000000-0000-0000-0000-000000000000'
) with (fillfactor = 10);
