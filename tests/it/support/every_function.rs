//! Calls every repository function on the same rows, for promises that all functions keep.

use std::slice::from_ref;
use std::time::Duration;

use clip_saver_db::{
    Attachment, AttachmentId, CancelScope, ChannelId, ChannelSnapshot, Client, ClipAuthor, ClipFilter, ClipMessage, Db,
    Error, GuildId, GuildSnapshot, LeaseState, MessageId, NewInstallIntent, RecordedScanPage, ScanClaim, ScanIncrement,
    ScanPage, ScanRequest, ScanRequested, ScanRunId, ScanWorker, Transaction, UserId, UserSnapshot, repositories as db,
};

use crate::project::style::{aggregates, functions};
use crate::support::{changed, channel, guild, json, queued_run, user};

/// The names of all repository functions.
pub fn names() -> Vec<String> {
    aggregates().iter().flat_map(|(_, rust)| functions(rust)).collect()
}

/// The ids of the rows that `call` uses.
pub struct Rows {
    user: UserId,
    guild: GuildId,
    channel: ChannelId,
    queued: ScanRunId,
    running: ScanRunId,
    /// A shared run that a worker has claimed. Another one is in the queue.
    claim: ScanClaim,
    /// A clip, in a channel of another guild.
    clip: AttachmentId,
    channel_of_clip: ChannelId,
}

const LEASE: Duration = Duration::from_hours(1);

impl Rows {
    /// Stores the rows.
    pub async fn store(database: &Db) -> Self {
        let (user, guild) = (user(database, 1).await, guild(database, 1001).await);
        let channel = channel(database, guild, 2001).await;
        db::set_channel_reading(database, channel, true).await.unwrap();
        db::increment_channel_message_count(database, channel, 5).await.unwrap();
        db::ensure_guild_settings(database, guild, &json(r#"{"a": 1}"#)).await.unwrap();
        let (queued, running) = (queued_run(database, channel).await, queued_run(database, channel).await);
        db::mark_scan_started(database, running).await.unwrap();
        for (state, lifetime) in [("open", 600), ("expired", 0)] {
            db::create_install_intent(database, &intent(state, user, lifetime)).await.unwrap();
        }
        let finished = queued_run(database, channel).await;
        db::mark_scan_canceled(database, finished).await.unwrap();
        let claim = claimed_run(database, channel).await;
        let channel_of_clip = self::channel(database, self::guild(database, 1003).await, 2009).await;
        let page = ScanPage::live(9001.into()).with_clips([clip(9001, 9002)]);
        db::record_live_messages(database, channel_of_clip, None, &page).await.unwrap();
        Self { user, guild, channel, queued, running, claim, clip: 9002.into(), channel_of_clip }
    }
}

/// A shared run of a channel that a worker has claimed, and another one in the queue.
async fn claimed_run(database: &Db, channel: ChannelId) -> ScanClaim {
    for after in [1, 2] {
        let request = ScanRequest::new().with_after(MessageId::from(after));
        db::request_scan(database, channel, &request).await.unwrap();
    }
    let claims = db::claim_scan_runs(database, &ScanWorker::new("first"), 1, LEASE).await.unwrap();
    claims[0]
}

fn clip(message: u64, attachment: u64) -> ClipMessage {
    let attachment = Attachment::new(attachment.into(), "a.mp4", 7, "https://cdn.example/a.mp4?ex=6a000000");
    ClipMessage::new(message.into(), ClipAuthor::new(5001.into(), "ada"), [attachment])
}

/// Calls a function in a transaction and rolls it back. Returns whether the function returned what it promises.
pub async fn call_and_undo(name: &str, database: &Db, rows: &Rows) -> Result<bool, Error> {
    let transaction: Transaction = database.begin().await?;
    let is_right = call(name, &transaction, rows).await;
    transaction.rollback().await;
    is_right
}

/// Calls a function. Returns whether it returned what it promises.
pub async fn call(name: &str, client: &impl Client, rows: &Rows) -> Result<bool, Error> {
    let is_right = match name {
        _ if name.contains("guild_settings") => guild_settings(name, client, rows).await?,
        _ if name.contains("guild") && !name.contains("channel") => guilds(name, client, rows).await?,
        _ if name.contains("user") => users(name, client, rows).await?,
        _ if name.contains("scan") => match scan_runs(name, client, rows).await? {
            None => shared_scans(name, client, rows).await?,
            called => called,
        },
        _ if name.contains("clip") || name.contains("_messages") => clips(name, client, rows).await?,
        "get_unreadable_rows" => Some(db::get_unreadable_rows(client, 10).await?.is_empty()),
        _ if name.contains("intent") => install_intents(name, client, rows).await?,
        _ => channels(name, client, rows).await?,
    };
    Ok(is_right.unwrap_or_else(|| panic!("tests/it/support/every_function.rs does not call {name}")))
}

async fn users(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let new = UserSnapshot::new(2.into(), "new");
    let known = UserSnapshot::new(rows.user, "known");
    Ok(Some(match name {
        "get_user" => db::get_user(client, rows.user).await?.is_some_and(|user| user.discord_user_id == rows.user),
        "upsert_user" => db::upsert_user(client, &new).await.map(|()| true)?,
        "upsert_users" => db::upsert_users(client, &[new, known]).await? == 2,
        _ => return Ok(None),
    }))
}

async fn guilds(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let new = GuildSnapshot::new(1002.into(), "new");
    let known = changed!(GuildSnapshot::new(rows.guild, "known"), owner_user_id = Some(rows.user));
    Ok(Some(match name {
        "get_guild" => db::get_guild(client, rows.guild).await?.is_some_and(|guild| guild.guild_id == rows.guild),
        "get_guilds" => db::get_guilds(client).await?.len() == 2,
        "upsert_guild" => db::upsert_guild(client, &known).await.map(|()| true)?,
        "upsert_guilds" => db::upsert_guilds(client, &[new, known]).await? == 2,
        "delete_guilds" => db::delete_guilds(client, &[rows.guild, 404.into()]).await? == 1,
        "touch_guild" => db::touch_guild(client, rows.guild).await?,
        "sync_guild" => {
            let channels = vec![ChannelSnapshot::new(rows.channel, "known", "text"), new_channel()];
            let owner_user_id = Some(UserId::from(3));
            db::sync_guild(client, &changed!(known, owner_user_id, channels)).await? == 2
        }
        _ => return Ok(None),
    }))
}

async fn guild_settings(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let (patch, expected) = (json(r#"{"b": 2}"#), json(r#"{"a": 1, "b": 2}"#));
    let guild = rows.guild;
    Ok(Some(match name {
        "get_guild_settings" => db::get_guild_settings(client, guild).await?.is_some(),
        "ensure_guild_settings" => db::ensure_guild_settings(client, 1002.into(), &patch).await?.settings == patch,
        "update_guild_settings" => {
            db::update_guild_settings(client, guild, &patch).await?.is_some_and(|stored| stored.settings == expected)
        }
        "set_guild_settings" => db::set_guild_settings(client, guild, &patch).await?.settings == patch,
        _ => return Ok(None),
    }))
}

async fn channels(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let (patch, guild, channel, message) = (json(r#"{"b": 2}"#), rows.guild, rows.channel, 3001.into());
    let is_the_channel = |channels: &[clip_saver_db::Channel]| channels.len() == 1 && channels[0].channel_id == channel;
    Ok(Some(match name {
        "get_channel" => db::get_channel(client, channel).await?.is_some_and(|row| is_the_channel(from_ref(&row))),
        "get_channels_by_guild" => is_the_channel(&db::get_channels_by_guild(client, guild).await?),
        "get_reading_channels" => is_the_channel(&db::get_reading_channels(client, guild).await?),
        "count_channels_by_guild" => db::count_channels_by_guild(client, guild).await? == 1,
        "total_message_count" => db::total_message_count(client, guild).await? == 5,
        "upsert_channels_for_guild" => {
            let known = ChannelSnapshot::new(channel, "known", "text");
            db::upsert_channels_for_guild(client, guild, &[known, new_channel()]).await? == 2
        }
        "set_channel_reading" => db::set_channel_reading(client, channel, false).await?,
        "update_channel_cursor" => db::update_channel_cursor(client, channel, Some(message)).await?,
        "update_channel_progress" => db::update_channel_progress(client, channel, message, 1).await?,
        "touch_channel_activity" => db::touch_channel_activity(client, channel).await?,
        "increment_channel_message_count" => db::increment_channel_message_count(client, channel, 1).await?,
        "update_channel_settings" => db::update_channel_settings(client, channel, &patch).await?.is_some(),
        "set_channel_settings" => {
            db::set_channel_settings(client, channel, &patch).await?.is_some_and(|stored| stored.settings == patch)
        }
        "delete_channels" => db::delete_channels(client, &[channel, 404.into()]).await? == 1,
        _ => return Ok(None),
    }))
}

fn new_channel() -> ChannelSnapshot {
    changed!(ChannelSnapshot::new(2002.into(), "new", "text"), settings_overrides = Some(json(r#"{"b": 2}"#)))
}

async fn scan_runs(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let page = ScanIncrement::scanned(100).with_matched(7);
    Ok(Some(match name {
        "get_scan_run" => db::get_scan_run(client, rows.queued).await?.is_some_and(|run| run.id == rows.queued),
        "get_scan_runs" => db::get_scan_runs(client, rows.channel, 10).await?.len() == 5,
        "enqueue_scan_run" => db::enqueue_scan_run(client, rows.channel).await?.is_some(),
        "mark_scan_started" => db::mark_scan_started(client, rows.queued).await?,
        "record_scan_progress" => {
            let recorded = db::record_scan_progress(client, rows.running, rows.channel, 3001.into(), page).await?;
            recorded.is_some_and(|total| total.messages_scanned == 100)
        }
        "update_scan_progress" => db::update_scan_progress(client, rows.running, page)
            .await?
            .is_some_and(|total| total.messages_scanned == 100),
        "mark_scan_succeeded" => db::mark_scan_succeeded(client, rows.running).await?,
        "mark_scan_failed" => db::mark_scan_failed(client, rows.running, "reason").await?,
        "mark_scan_canceled" => db::mark_scan_canceled(client, rows.running).await?,
        _ => return Ok(None),
    }))
}

async fn shared_scans(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let (channel, claim) = (rows.channel, &rows.claim);
    Ok(Some(match name {
        "request_scan" => {
            matches!(db::request_scan(client, channel, &ScanRequest::new()).await?, ScanRequested::Enqueued(_))
        }
        "claim_scan_runs" => db::claim_scan_runs(client, &ScanWorker::new("second"), 1, LEASE).await?.len() == 1,
        "renew_scan_lease" => db::renew_scan_lease(client, claim, LEASE).await? == LeaseState::Held,
        "complete_scan" => db::complete_scan(client, claim).await?,
        "complete_scans" => db::complete_scans(client, from_ref(claim)).await? == [claim.run_id],
        "fail_scan" => db::fail_scan(client, claim, "reason", None).await?,
        "release_scan" => db::release_scan(client, claim).await?,
        "request_scan_cancel" => db::request_scan_cancel(client, claim.run_id).await?,
        "cancel_scans" => db::cancel_scans(client, CancelScope::Guild(rows.guild)).await? == 2,
        "get_scan_states" => db::get_scan_states(client, rows.guild).await?.len() == 1,
        "scan_queue_stats" => db::scan_queue_stats(client).await?.queued == 1,
        "purge_finished_scan_runs" => db::purge_finished_scan_runs(client, Duration::ZERO, 0).await? <= 1,
        "record_scan_page" => {
            let page = ScanPage::after(None, [MessageId::from(3001)]).expect("there is a message");
            let page = page.with_clips([clip(3001, 3002)]);
            matches!(db::record_scan_page(client, claim, &page).await?, RecordedScanPage::Recorded(_))
        }
        "get_scan_coverage" => db::get_scan_coverage(client, rows.channel_of_clip).await?.len() == 1,
        "get_scan_gaps" => db::get_scan_gaps(client, rows.channel_of_clip, 9001.into()).await?.len() == 1,
        _ => return Ok(None),
    }))
}

async fn clips(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    let filter = ClipFilter::new(1003.into());
    Ok(Some(match name {
        "get_clips" => db::get_clips(client, &filter, None, 10).await?.clips.len() == 1,
        "count_clips" => db::count_clips(client, &filter).await? == 1,
        "get_clip" => db::get_clip(client, rows.clip).await?.is_some_and(|clip| clip.id == rows.clip),
        "get_expiring_clips" => {
            let a_year = Duration::from_hours(365 * 24);
            db::get_expiring_clips(client, a_year, 10).await?.len() == 1
        }
        "refresh_clip_url" => {
            let url = "https://cdn.example/a.mp4?ex=70000000";
            db::refresh_clip_url(client, rows.clip, url).await?
        }
        "record_live_messages" => {
            let page = ScanPage::live(3001.into()).with_clips([clip(3001, 3002)]);
            db::record_live_messages(client, rows.channel, None, &page).await?.is_some_and(|new| new.new_clips == 1)
        }
        "delete_messages" => db::delete_messages(client, rows.channel, &[9001.into(), 3001.into()]).await? <= 1,
        _ => return Ok(None),
    }))
}

async fn install_intents(name: &str, client: &impl Client, rows: &Rows) -> Result<Option<bool>, Error> {
    Ok(Some(match name {
        "create_install_intent" => {
            db::create_install_intent(client, &intent("new", rows.user, 600)).await?.state == "new"
        }
        "get_install_intent" => db::get_install_intent(client, "open").await?.is_some(),
        "consume_install_intent" => db::consume_install_intent(client, "open").await?.is_some(),
        "purge_expired_install_intents" => db::purge_expired_install_intents(client, Duration::ZERO).await? == 1,
        _ => return Ok(None),
    }))
}

fn intent(state: &str, user_id: UserId, seconds: u64) -> NewInstallIntent {
    let lifetime = Duration::from_secs(seconds);
    NewInstallIntent::new(state, user_id, 1001.into(), lifetime)
}
