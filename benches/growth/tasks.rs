//! How many calls a second all tasks make together on one pool. Each task has its own guild, channel and scan run, and
//! makes one call after another.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clip_saver_db::{
    ChannelId, Client, Db, Error, GuildId, MessageId, ScanIncrement, ScanRunId, Settings, repositories as db,
};
use tokio::spawn;
use uuid::Uuid;

use crate::common::data::{SETTINGS, channel_id, guild};
use crate::common::numbers::{Spread, duration, float};
use crate::common::server::Server;
use crate::curves::{Curves, Unit};

const TASKS: [u64; 7] = [1, 3, 10, 30, 100, 300, 1000];

/// Connections of the pool.
const CONNECTIONS: usize = 8;

/// Channels of each guild.
const CHANNELS: u64 = 10;

const ROUNDS: u64 = 5;

/// Calls of a round, over all tasks; each task makes at least two.
const CALLS: u64 = 600;

/// Inserts guilds 0 to 999 with settings ($1), their channels ($2 each, see `channel_id`), and a run of each guild's first
/// channel. The run's id is the guild's id.
const FILL: &str = "
with guilds as (
  insert into bot_guilds (guild_id, name) select n, 'guild ' || n from generate_series(0, 999) n returning guild_id
),
settings as (
  insert into guild_settings (guild_id, settings) select guild_id, $1::text::jsonb from guilds
),
channels as (
  insert into bot_channels (channel_id, guild_id, name, type, is_reading, last_message_id)
  select 1000000000000000000 + guild_id::bigint * 10000000 + n, guild_id, 'channel-' || n, 'text', true, n
  from guilds, generate_series(0, $2::bigint - 1) n
  returning channel_id, guild_id
)
insert into bot_channel_scan_runs (id, channel_id)
select lpad(to_hex(guild_id::bigint), 32, '0')::uuid, min(channel_id) from channels group by guild_id";

/// Measures each call with more and more tasks, and how long a call takes with the most tasks.
pub async fn measure(server: &Server) -> (Curves, String) {
    let client = server.connect().await;
    client.batch_execute("truncate users, bot_guilds, guild_settings cascade").await.expect("the tables are there");
    client.execute(FILL, &[&SETTINGS, &i64::try_from(CHANNELS).expect("few")]).await.expect("the guilds are new");
    client.batch_execute("vacuum analyze").await.expect("nothing is in the way");
    let db = server.open(CONNECTIONS).await;
    let mut tasks = Tasks {
        shared: Arc::new(Shared { db, settings: SETTINGS.parse().expect("the settings are JSON") }),
        curves: Curves::new("Concurrent tasks, 8 connections", "tasks", &TASKS, Unit::Rate),
        waits: "\n| a call, of 1,000 tasks | median | longest |\n|---|---:|---:|\n".to_owned(),
    };
    tasks.reads().await;
    tasks.writes().await;
    (tasks.curves, tasks.waits)
}

/// Shared by all tasks.
struct Shared {
    db: Db,
    settings: Settings,
}

struct Tasks {
    shared: Arc<Shared>,
    curves: Curves,
    waits: String,
}

impl Tasks {
    async fn reads(&mut self) {
        self.curve("get_guild_settings", get_guild_settings).await;
        self.curve("get_channel", get_channel).await;
        self.curve("get_channels_by_guild, 10 rows", get_channels_by_guild).await;
    }

    async fn writes(&mut self) {
        self.curve("ensure_guild_settings", ensure_guild_settings).await;
        self.curve("upsert_guild", upsert_guild).await;
        self.curve("update_channel_progress", update_channel_progress).await;
        self.curve("update_scan_progress", update_scan_progress).await;
        self.curve("enqueue_scan_run", enqueue_scan_run).await;
        self.curve("a transaction of two updates", page).await;
    }

    /// Measures a curve. A call is given the number of its task.
    async fn curve<F>(&mut self, name: &'static str, call: fn(Arc<Shared>, u64) -> F)
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let mut waits = Vec::new();
        for tasks in TASKS {
            waits.clear();
            self.round(tasks, call, &mut Vec::new()).await;
            let mut rates = Vec::new();
            for _ in 0..ROUNDS {
                rates.push(self.round(tasks, call, &mut waits).await);
            }
            self.curves.add(name, Spread::of(rates));
        }
        waits.sort();
        let [median, longest] = [waits.len() / 2, waits.len() - 1].map(|place| duration(waits[place]));
        writeln!(self.waits, "| {name} | {median} | {longest} |").expect("a string takes everything");
    }

    /// Returns calls per second, and adds the time of each call to `waits`.
    async fn round<F>(&self, tasks: u64, call: fn(Arc<Shared>, u64) -> F, waits: &mut Vec<Duration>) -> f64
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let calls = (CALLS / tasks).max(2);
        let started = Instant::now();
        let running: Vec<_> = (0..tasks).map(|task| spawn(run(self.shared.clone(), task, calls, call))).collect();
        for task in running {
            waits.extend(task.await.expect("no call fails"));
        }
        float(tasks * calls) / started.elapsed().as_secs_f64()
    }
}

/// Runs one task; returns how long each of its calls took.
async fn run<F>(shared: Arc<Shared>, task: u64, calls: u64, call: fn(Arc<Shared>, u64) -> F) -> Vec<Duration>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut waits = Vec::new();
    for _ in 0..calls {
        let started = Instant::now();
        call(shared.clone(), task).await.expect("the call succeeds");
        waits.push(started.elapsed());
    }
    waits
}

fn channel(task: u64) -> ChannelId {
    channel_id(task, 0).into()
}

fn run_of(task: u64) -> ScanRunId {
    Uuid::from_u128(task.into()).into()
}

async fn get_guild_settings(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    let settings = db::get_guild_settings(&shared.db, GuildId::from(task)).await?;
    assert!(settings.is_some());
    Ok(())
}

async fn get_channel(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    assert!(db::get_channel(&shared.db, channel(task)).await?.is_some());
    Ok(())
}

async fn get_channels_by_guild(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    let list = db::get_channels_by_guild(&shared.db, GuildId::from(task)).await?;
    assert_eq!(list.len() as u64, CHANNELS);
    Ok(())
}

async fn ensure_guild_settings(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    db::ensure_guild_settings(&shared.db, GuildId::from(task), &shared.settings).await.map(drop)
}

async fn upsert_guild(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    let mut guild = guild(task);
    guild.owner_user_id = None;
    db::upsert_guild(&shared.db, &guild).await
}

async fn update_channel_progress(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    assert!(progress(&shared.db, task).await?);
    Ok(())
}

/// The cursor does not move, the count goes up.
async fn progress(client: &impl Client, task: u64) -> Result<bool, Error> {
    db::update_channel_progress(client, channel(task), MessageId::from(1_000_000), 1).await
}

async fn update_scan_progress(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    assert!(scanned(&shared.db, task).await?);
    Ok(())
}

async fn scanned(client: &impl Client, task: u64) -> Result<bool, Error> {
    let increment = ScanIncrement::scanned(100).with_matched(7);
    Ok(db::update_scan_progress(client, run_of(task), increment).await?.is_some())
}

async fn enqueue_scan_run(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    assert!(db::enqueue_scan_run(&shared.db, channel(task)).await?.is_some());
    Ok(())
}

/// Stores what a worker stores after a page of messages.
async fn page(shared: Arc<Shared>, task: u64) -> Result<(), Error> {
    let stored: Result<bool, Error> =
        shared.db.transaction(|tx| async move { Ok(progress(&tx, task).await? && scanned(&tx, task).await?) }).await;
    assert!(stored?);
    Ok(())
}
