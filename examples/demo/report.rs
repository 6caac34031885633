//! Prints what the database holds, as tables.

use std::fmt::Display;

use clip_saver_db::{Channel, Db, Error, Guild, ScanRun, ScanStatus, repositories as db};
use comfy_table::{CellAlignment, Table, presets};

use super::support::say;

/// The most runs shown for a channel; older ones are left out.
const MOST_RUNS: u32 = 100;

pub async fn show(database: &Db) -> Result<(), Error> {
    let mut report = Report::new();
    for guild in db::get_guilds(database).await? {
        let channels = db::count_channels_by_guild(database, guild.guild_id).await?;
        let messages = db::total_message_count(database, guild.guild_id).await?;
        report.add_guild(&guild, channels, messages);
        for channel in db::get_channels_by_guild(database, guild.guild_id).await? {
            report.add_channel(&channel);
            for run in db::get_scan_runs(database, channel.channel_id, MOST_RUNS).await?.iter().rev() {
                report.add_run(&channel, run);
            }
        }
    }
    report.print();
    Ok(())
}

struct Report {
    guilds: Table,
    channels: Table,
    runs: Table,
    messages: i64,
    scanned: i64,
    matched: i64,
    failed: usize,
}

impl Report {
    fn new() -> Self {
        Self {
            guilds: table(["id", "name", "owner", "channels", "messages"], &[3, 4]),
            channels: table(["id", "name", "type", "reading", "messages", "cursor", "last scanned (UTC)"], &[4]),
            runs: table(["channel", "status", "scanned", "matched", "error"], &[2, 3]),
            messages: 0,
            scanned: 0,
            matched: 0,
            failed: 0,
        }
    }

    fn add_guild(&mut self, guild: &Guild, channels: u64, messages: i64) {
        self.messages += messages;
        let (id, name, owner) = (guild.guild_id.to_string(), short(&guild.name), or_dash(guild.owner_user_id));
        self.guilds.add_row([id, name, owner, channels.to_string(), messages.to_string()]);
    }

    fn add_channel(&mut self, channel: &Channel) {
        self.channels.add_row([
            channel.channel_id.to_string(),
            or_dash(channel.name.as_deref().map(short)),
            or_dash(channel.kind.as_deref()),
            (if channel.is_reading { "yes" } else { "no" }).to_owned(),
            channel.message_count.to_string(),
            or_dash(channel.last_message_id),
            or_dash(channel.last_scanned_at.map(|time| time.format("%Y-%m-%d %H:%M:%S"))),
        ]);
    }

    fn add_run(&mut self, channel: &Channel, run: &ScanRun) {
        self.scanned += run.messages_scanned;
        self.matched += run.messages_matched;
        self.failed += usize::from(run.status == ScanStatus::Failed);
        self.runs.add_row([
            or_dash(channel.name.as_deref().map(short)),
            run.status.to_string(),
            run.messages_scanned.to_string(),
            run.messages_matched.to_string(),
            run.error_message.clone().unwrap_or_default(),
        ]);
    }

    fn print(&self) {
        let Self { guilds, channels, runs, messages, scanned, matched, failed } = self;
        say(format_args!("\nGuilds\n{guilds}\n\nChannels\n{channels}\n\nScan runs\n{runs}\n"));
        say(format_args!(
            "Totals: {} guilds, {} channels, {messages} messages; {} scan runs, {failed} of them failed; {scanned} \
             messages scanned, {matched} with clips",
            guilds.row_count(),
            channels.row_count(),
            runs.row_count(),
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

/// Shortens a name so that it fits in a table.
fn short(name: &str) -> String {
    if name.chars().count() <= 28 { name.to_owned() } else { name.chars().take(27).chain(['…']).collect() }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
