//! What each library does, and how the operations of the table are made of it.

use std::fmt::Debug;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use clip_saver_db::{ChannelSnapshot, GuildSnapshot};
use futures::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::spawn;

use crate::common::data::{BUSY, CHANNELS, channel_id, channels, guild};

/// Connections of each library's pool, as many as the hand-written side has for concurrent tasks.
pub const CONNECTIONS: u32 = 8;

/// A library. Its functions do what those of `common::hand_written` do, as users of the library would write them.
pub trait Peer: Clone + Send + Sync + 'static {
    type Error: Debug;
    type GuildSettings: Serialize;
    type Channel: Serialize;

    fn get_guild_settings(
        &self,
        guild_id: &str,
    ) -> impl Future<Output = Result<Option<Self::GuildSettings>, Self::Error>> + Send;

    async fn upsert_guild(&self, guild: &GuildSnapshot) -> Result<(), Self::Error>;

    /// Returns how many were written.
    async fn upsert_guilds(&self, guilds: &[GuildSnapshot]) -> Result<u64, Self::Error>;

    async fn get_channels_by_guild(&self, guild_id: &str) -> Result<Vec<Self::Channel>, Self::Error>;

    /// Merges the overrides, one for each channel, into the settings. Returns how many channels were written.
    async fn upsert_channels_for_guild(
        &self,
        guild_id: &str,
        channels: &[ChannelSnapshot],
        overrides: &[Value],
    ) -> Result<u64, Self::Error>;

    /// Returns whether the channel is known.
    fn update_channel_progress(
        &self,
        channel_id: &str,
        last_message_id: &str,
        count: i64,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// In a transaction: enqueues a run, starts it, adds 100 scanned and 7 matched messages ten times, and marks it as succeeded.
    async fn scan_run(&self, channel_id: &str) -> Result<(), Self::Error>;
}

/// One operation of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    GetGuildSettings,
    UpsertGuild,
    UpdateChannelProgress,
    GetChannelsByGuild(u64),
    UpsertGuilds,
    UpsertChannelsForGuild,
    ScanRun,
    GetGuildSettingsInTasks,
    UpdateChannelProgressInTasks,
}

/// The operations, and their names in `common::operations`.
pub const OPERATIONS: [(&str, Work); 11] = [
    ("get_guild_settings", Work::GetGuildSettings),
    ("upsert_guild", Work::UpsertGuild),
    ("update_channel_progress", Work::UpdateChannelProgress),
    ("get_channels_by_guild, 10 rows", Work::GetChannelsByGuild(10)),
    ("get_channels_by_guild, 500 rows", Work::GetChannelsByGuild(500)),
    ("get_channels_by_guild, 10000 rows", Work::GetChannelsByGuild(10_000)),
    ("upsert_guilds, 1000 rows", Work::UpsertGuilds),
    ("upsert_channels_for_guild, 500 rows", Work::UpsertChannelsForGuild),
    ("a scan run of 13 statements in a transaction, joined", Work::ScanRun),
    ("get_guild_settings, 16 tasks", Work::GetGuildSettingsInTasks),
    ("update_channel_progress, 16 tasks", Work::UpdateChannelProgressInTasks),
];

/// Concurrent tasks.
const TASKS: u64 = 16;

/// The guild whose channels are written.
pub const SIZE: u64 = 500;

/// What the operations write.
pub struct Input {
    guild: GuildSnapshot,
    guilds: Vec<GuildSnapshot>,
    channels: Vec<ChannelSnapshot>,
    overrides: Vec<Value>,
    calls: AtomicU64,
}

impl Input {
    /// The same as that of the other sides.
    pub fn new() -> Self {
        let channels = channels(SIZE, SIZE);
        let overrides = channels.iter().filter_map(|channel| channel.settings_overrides.as_ref());
        Self {
            guild: guild(10),
            guilds: (100_000..101_000).map(guild).collect(),
            overrides: overrides.map(|overrides| overrides.parse().expect("an object")).collect(),
            channels,
            calls: AtomicU64::new(0),
        }
    }
}

/// Runs an operation so many times; with tasks, so many times in each of them.
pub async fn run<P: Peer>(peer: &P, work: Work, input: &Input, times: u64) {
    match work {
        Work::GetGuildSettingsInTasks => in_tasks(|_| read(peer.clone(), times)).await,
        Work::UpdateChannelProgressInTasks => in_tasks(|task| write(peer.clone(), task, times)).await,
        _ => {
            for _ in 0..times {
                once(peer, work, input).await.expect("the call succeeds");
            }
        }
    }
}

async fn once<P: Peer>(peer: &P, work: Work, input: &Input) -> Result<(), P::Error> {
    match work {
        Work::GetGuildSettings | Work::GetGuildSettingsInTasks => {
            black_box(peer.get_guild_settings("10").await?.expect("there"));
        }
        Work::UpsertGuild => peer.upsert_guild(&input.guild).await?,
        Work::UpdateChannelProgress | Work::UpdateChannelProgressInTasks => {
            progress(peer, input.calls.fetch_add(1, Ordering::Relaxed)).await?;
        }
        Work::GetChannelsByGuild(size) => {
            let list = peer.get_channels_by_guild(&size.to_string()).await?;
            assert_eq!(black_box(list).len() as u64, size);
        }
        Work::UpsertGuilds => assert_eq!(peer.upsert_guilds(&input.guilds).await?, 1000),
        Work::UpsertChannelsForGuild => {
            let guild_id = SIZE.to_string();
            let written = peer.upsert_channels_for_guild(&guild_id, &input.channels, &input.overrides).await?;
            assert_eq!(written, SIZE);
        }
        Work::ScanRun => peer.scan_run(&channel_id(BUSY, 0).to_string()).await?,
    }
    Ok(())
}

async fn in_tasks<F: Future<Output = ()> + Send + 'static>(task: impl Fn(u64) -> F) {
    try_join_all((0..TASKS).map(|number| spawn(task(number)))).await.expect("no task panics");
}

async fn read<P: Peer>(peer: P, times: u64) {
    for _ in 0..times {
        black_box(peer.get_guild_settings("10").await.expect("the call succeeds").expect("there"));
    }
}

/// Each task has a channel of its own.
async fn write<P: Peer>(peer: P, task: u64, times: u64) {
    for cursor in 0..times {
        progress(&peer, task + cursor * CHANNELS).await.expect("the call succeeds");
    }
}

async fn progress<P: Peer>(peer: &P, call: u64) -> Result<(), P::Error> {
    let (channel, message) = (channel_id(BUSY, call % CHANNELS).to_string(), (1_000_000 + call).to_string());
    assert!(peer.update_channel_progress(&channel, &message, 1).await?, "the channel is there");
    Ok(())
}
