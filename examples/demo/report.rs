//! Prints what the database holds, as tables.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use clip_saver_db::{Channel, Clip, ClipFilter, Db, Error, Guild, GuildId, ScanState, ScanStatus, repositories as db};
use comfy_table::{CellAlignment, Table, presets};

use super::support::say;

/// How many of the newest clips are shown.
const NEWEST: u32 = 10;

pub async fn show(database: &Db) -> Result<(), Error> {
    let (mut report, mut clips) = (Report::new(), Vec::new());
    for guild in db::get_guilds(database).await? {
        let id = guild.guild_id;
        for state in db::get_scan_states(database, id).await? {
            let of_channel = ClipFilter::new(id).with_channel(state.channel_id);
            report.add_channel(&guild, &state, db::count_clips(database, &of_channel).await?);
        }
        let channels = db::count_channels_by_guild(database, id).await?;
        let messages = db::total_message_count(database, id).await?;
        report.add_guild(&guild, channels, messages, db::count_clips(database, &ClipFilter::new(id)).await?);
        clips.extend(newest(database, id).await?);
    }
    clips.sort_by_key(|(clip, _)| std::cmp::Reverse(clip.key()));
    for (clip, channel) in clips.iter().take(NEWEST as usize) {
        report.add_clip(clip, channel);
    }
    report.print();
    Ok(())
}

/// A guild's newest clips, with their channels' names.
async fn newest(database: &Db, guild: GuildId) -> Result<Vec<(Clip, String)>, Error> {
    let mut newest = Vec::new();
    for clip in db::get_clips(database, &ClipFilter::new(guild), None, NEWEST).await?.clips {
        let channel = db::get_channel(database, clip.channel_id).await?;
        newest.push((clip, name(channel.and_then(|Channel { name, .. }| name).as_deref())));
    }
    Ok(newest)
}

struct Report {
    guilds: Table,
    channels: Table,
    clips: Table,
    total: Total,
}

#[derive(Default)]
struct Total {
    channels: usize,
    messages: i64,
    clips: u64,
    failed: usize,
}

impl Report {
    fn new() -> Self {
        Self {
            guilds: table(["id", "guild", "owner", "channels", "messages", "clips"], &[3, 4, 5]),
            channels: table(["guild", "channel", "messages", "clips", "not read", "last scan"], &[2, 3, 4]),
            clips: table(["posted (UTC)", "channel", "author", "file", "MB", "link expires (UTC)"], &[4]),
            total: Total::default(),
        }
    }

    fn add_guild(&mut self, guild: &Guild, channels: u64, messages: i64, clips: u64) {
        self.total.messages += messages;
        self.total.clips += clips;
        let (id, name, owner) = (guild.guild_id.to_string(), short(&guild.name), or_dash(guild.owner_user_id));
        self.guilds.add_row([id, name, owner, channels.to_string(), messages.to_string(), clips.to_string()]);
    }

    /// Channels without messages and scans are only counted.
    fn add_channel(&mut self, guild: &Guild, state: &ScanState, clips: u64) {
        self.total.channels += 1;
        if state.message_count == 0 && state.last.is_none() {
            return;
        }
        let last = state.last.as_ref();
        self.total.failed += usize::from(last.is_some_and(|last| last.status == ScanStatus::Failed));
        let end = last.map(|last| match &last.error_message {
            Some(reason) if last.status == ScanStatus::Failed => format!("failed: {reason}"),
            _ => last.status.to_string(), // it may hold why an earlier attempt failed
        });
        self.channels.add_row([
            short(&guild.name),
            name(state.name.as_deref()),
            state.message_count.to_string(),
            clips.to_string(),
            state.gaps.to_string(),
            or_dash(end),
        ]);
    }

    fn add_clip(&mut self, clip: &Clip, channel: &str) {
        let author = clip.author.display_name.as_ref().unwrap_or(&clip.author.name);
        self.clips.add_row([
            time(clip.message_id.created_at()),
            channel.to_owned(),
            short(author),
            clip.file_name.clone(),
            megabytes(clip.size),
            or_dash(clip.url_expires_at.map(time)),
        ]);
    }

    fn print(&self) {
        let Self { guilds, channels, clips, total } = self;
        say(format_args!("\nGuilds\n{guilds}\n\nMessages and clips\n{channels}\n\nThe newest clips\n{clips}\n"));
        say(format_args!(
            "Totals: {} guilds, {} channels, {} messages, {} clips; channels that could not be read: {}",
            guilds.row_count(),
            total.channels,
            total.messages,
            total.clips,
            total.failed,
        ));
    }
}

fn table<const N: usize>(header: [&str; N], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
    for &number in numbers {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// With one decimal.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn name(name: Option<&str>) -> String {
    or_dash(name.map(short))
}

/// Shortens a name so that it fits in a table.
fn short(name: &str) -> String {
    if name.chars().count() <= 28 { name.to_owned() } else { name.chars().take(27).chain(['…']).collect() }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
