//! Calls of every function. The ids are those of `tests/fixtures/large_database.sql`. Each call commits and takes other rows, so
//! that it does what it did the first time. `tests/it/project/benches.rs` checks that no function is missing.

use std::time::Duration;

use clip_saver_db::{
    Attachment, AttachmentId, CancelScope, ChannelId, ChannelSnapshot, ClipAuthor, ClipFilter, ClipMessage, Db,
    GuildId, GuildSnapshot, MessageId, NewInstallIntent, ScanClaim, ScanIncrement, ScanPage, ScanRequest, ScanRunId,
    ScanWorker, Settings, UserId, UserSnapshot, queries, repositories as db,
};

use crate::meter::Meter;

const LEASE: Duration = Duration::from_hours(1);

/// Guild 1 has 10,000 channels, the guilds from this one to 901 have 100 each.
const FIRST_OF_100: u64 = 2;

fn user(number: u64) -> UserId {
    (700_000_000_000_000_000 + number * 4099).into()
}

fn guild(number: u64) -> GuildId {
    (100_000_000_000_000_000 + number * 4099).into()
}

fn channel(number: u64) -> ChannelId {
    (200_000_000_000_000_000 + number * 4099).into()
}

/// One of the channels of guild 1 that are read.
pub fn reading_channel(number: u64) -> ChannelId {
    channel(number / 7 * 10 + number % 7)
}

fn run(number: u64) -> ScanRunId {
    format!("{number:032x}").parse().expect("it is a UUID")
}

/// A message of channel 0 that holds a clip.
fn message(number: u64) -> u64 {
    400_000_000_000_000_000 + (number + 1) * 4 * 1_048_583
}

/// A message that is newer than all that are stored.
pub fn snowflake(number: u64) -> MessageId {
    (1_500_000_000_000_000_000 + number * 1_000_000).into()
}

fn clip_of(message: MessageId) -> ClipMessage {
    let attachment = AttachmentId::from(message.get() + 1);
    let attachment = Attachment::new(attachment, "a.mp4", 7, "https://cdn.example/a.mp4?ex=7a000000");
    ClipMessage::new(message, ClipAuthor::new(user(7), "ada"), [attachment])
}

fn settings(text: &str) -> Settings {
    text.parse().expect("it is JSON")
}

/// Starts a run on one of the channels that are read.
pub async fn start(db: &Db, number: u64) -> (ChannelId, ScanRunId) {
    let channel = reading_channel(number);
    let run = db::enqueue_scan_run(db, channel).await.expect("written").expect("the channel is reading");
    assert!(db::mark_scan_started(db, run).await.expect("written"));
    (channel, run)
}

/// Measures each function. What deletes most comes last.
pub async fn measure_all(meter: &mut Meter<'_>) {
    of_users(meter).await;
    of_guilds(meter).await;
    of_guild_settings(meter).await;
    of_channels(meter).await;
    of_channel_batches(meter).await;
    of_scan_runs(meter).await;
    of_scan_queue(meter).await;
    of_claims(meter).await;
    of_pages(meter).await;
    of_clips(meter).await;
    of_install_intents(meter).await;
    of_deletions(meter).await;
}

async fn of_users(meter: &mut Meter<'_>) {
    let known = |number| UserSnapshot::new(user(1 + number % 1_000), "renamed");
    let batch = |number| (number * 100..number * 100 + 100).map(known).collect::<Vec<_>>();
    meter.measure("get_user", async |on, number| db::get_user(on, user(1 + number)).await).await;
    meter.measure("upsert_user", async |on, number| db::upsert_user(on, &known(number)).await).await;
    meter.measure("upsert_users, 100", async |on, number| db::upsert_users(on, &batch(number)).await).await;
}

async fn of_guilds(meter: &mut Meter<'_>) {
    let known = |number: u64| {
        let number = 1 + number % 600;
        GuildSnapshot::new(guild(number), "renamed").with_owner(user(number * 7))
    };
    let batch = |number| (number * 100..number * 100 + 100).map(known).collect::<Vec<_>>();
    let with_channels = |number| known(1 + number).with_channels(channels(number));
    meter.measure("get_guild", async |on, number| db::get_guild(on, guild(1 + number)).await).await;
    meter.measure("get_guilds, 1,000", async |on, _| db::get_guilds(on).await).await;
    meter.measure("touch_guild", async |on, number| db::touch_guild(on, guild(1 + number)).await).await;
    meter.measure("upsert_guild", async |on, number| db::upsert_guild(on, &known(number)).await).await;
    meter.measure("upsert_guilds, 100", async |on, number| db::upsert_guilds(on, &batch(number)).await).await;
    meter
        .measure("sync_guild, 100 channels", async |on, number| db::sync_guild(on, &with_channels(number)).await)
        .await;
}

async fn of_guild_settings(meter: &mut Meter<'_>) {
    let (patch, one) = (settings(r#"{"prefix": "?"}"#), |number| guild(1 + number));
    meter.measure("get_guild_settings", async |on, number| db::get_guild_settings(on, one(number)).await).await;
    meter
        .measure("ensure_guild_settings", async |on, number| db::ensure_guild_settings(on, one(number), &patch).await)
        .await;
    meter
        .measure("update_guild_settings", async |on, number| db::update_guild_settings(on, one(number), &patch).await)
        .await;
    meter.measure("set_guild_settings", async |on, number| db::set_guild_settings(on, one(number), &patch).await).await;
}

async fn of_channels(meter: &mut Meter<'_>) {
    let (patch, one) = (settings(r#"{"limit": 7}"#), reading_channel);
    meter.measure("get_channel", async |on, number| db::get_channel(on, one(number)).await).await;
    meter.measure("set_channel_reading", async |on, number| db::set_channel_reading(on, one(number), true).await).await;
    meter
        .measure("update_channel_cursor", async |on, number| {
            db::update_channel_cursor(on, one(number), Some(snowflake(number))).await
        })
        .await;
    meter
        .measure("update_channel_progress", async |on, number| {
            db::update_channel_progress(on, one(number), snowflake(1_000 + number), 100).await
        })
        .await;
    meter.measure("touch_channel_activity", async |on, number| db::touch_channel_activity(on, one(number)).await).await;
    meter
        .measure("increment_channel_message_count", async |on, number| {
            db::increment_channel_message_count(on, one(number), 1).await
        })
        .await;
    meter
        .measure("update_channel_settings", async |on, number| {
            db::update_channel_settings(on, one(number), &patch).await
        })
        .await;
    meter
        .measure("set_channel_settings", async |on, number| db::set_channel_settings(on, one(number), &patch).await)
        .await;
}

async fn of_channel_batches(meter: &mut Meter<'_>) {
    let of_100 = |number| guild(FIRST_OF_100 + number);
    meter
        .measure("get_channels_by_guild, 100", async |on, number| db::get_channels_by_guild(on, of_100(number)).await)
        .await;
    meter.measure("get_channels_by_guild, 10,000", async |on, _| db::get_channels_by_guild(on, guild(1)).await).await;
    meter
        .measure("get_reading_channels, 70", async |on, number| db::get_reading_channels(on, of_100(number)).await)
        .await;
    meter
        .measure("count_channels_by_guild, 100", async |on, number| {
            db::count_channels_by_guild(on, of_100(number)).await
        })
        .await;
    meter
        .measure("total_message_count, 100", async |on, number| db::total_message_count(on, of_100(number)).await)
        .await;
    meter
        .measure("upsert_channels_for_guild, 100", async |on, number| {
            db::upsert_channels_for_guild(on, of_100(number), &channels(number)).await
        })
        .await;
    meter
        .measure("upsert_channels_for_guild, 10", async |on, number| {
            db::upsert_channels_for_guild(on, of_100(number), &channels(number)[..10]).await
        })
        .await;
}

/// The channels of the guild `FIRST_OF_100 + number`.
fn channels(number: u64) -> Vec<ChannelSnapshot> {
    let overrides = settings(r#"{"is_enabled": true}"#);
    let known = |n| ChannelSnapshot::new(channel(n), "renamed", "text").with_settings_overrides(overrides.clone());
    (10_000 + number * 100..10_100 + number * 100).map(known).collect()
}

async fn of_scan_runs(meter: &mut Meter<'_>) {
    let db = meter.open().await;
    let mut started = Vec::new();
    for number in 0..10 {
        started.push(start(&db, number).await);
    }
    meter.close(db).await;
    let (started, page) = (|number| started[index(number) % 10], ScanIncrement::scanned(100).with_matched(7));
    meter.measure("get_scan_run", async |on, number| db::get_scan_run(on, run(500_000 + number)).await).await;
    meter.measure("get_scan_runs, 50", async |on, number| db::get_scan_runs(on, channel(number % 6), 50).await).await;
    meter.measure("enqueue_scan_run", async |on, number| db::enqueue_scan_run(on, reading_channel(number)).await).await;
    meter.measure("mark_scan_started", async |on, number| db::mark_scan_started(on, run(995_001 + number)).await).await;
    meter
        .measure("update_scan_progress", async |on, number| db::update_scan_progress(on, started(number).1, page).await)
        .await;
    meter
        .measure("record_scan_progress", async |on, number| {
            let (channel, run) = started(number);
            db::record_scan_progress(on, run, channel, snowflake(2_000 + number), page).await
        })
        .await;
    meter
        .measure("mark_scan_succeeded", async |on, number| db::mark_scan_succeeded(on, run(990_001 + number)).await)
        .await;
    meter
        .measure("mark_scan_failed", async |on, number| {
            db::mark_scan_failed(on, run(991_001 + number), "Missing access").await
        })
        .await;
    meter
        .measure("mark_scan_canceled", async |on, number| db::mark_scan_canceled(on, run(992_001 + number)).await)
        .await;
}

async fn of_scan_queue(meter: &mut Meter<'_>) {
    let worker = ScanWorker::new("worker");
    meter
        .measure("request_scan", async |on, number| {
            let request = ScanRequest::new().with_after(snowflake(number));
            db::request_scan(on, channel(60_000 + number * 10), &request).await
        })
        .await;
    meter.measure("claim_scan_runs, 1", async |on, _| db::claim_scan_runs(on, &worker, 1, LEASE).await).await;
    meter.measure("claim_scan_runs, 100", async |on, _| db::claim_scan_runs(on, &worker, 100, LEASE).await).await;
    meter
        .measure("get_scan_states, 100", async |on, number| db::get_scan_states(on, guild(FIRST_OF_100 + number)).await)
        .await;
    meter.measure("scan_queue_stats", async |on, _| db::scan_queue_stats(on).await).await;
    meter
        .measure("cancel_scans, a guild", async |on, number| {
            db::cancel_scans(on, CancelScope::Guild(guild(300 + number))).await
        })
        .await;
}

/// What a worker does with its claims. Each function has claims of its own.
async fn of_claims(meter: &mut Meter<'_>) {
    let claims = claims(meter, 3_300).await;
    let of = |first: usize, number| &claims[first + index(number)];
    let ten = |number| &claims[1_100 + index(number) * 10..][..10];
    meter.measure("renew_scan_lease", async |on, number| db::renew_scan_lease(on, of(0, number), LEASE).await).await;
    meter.measure("complete_scan", async |on, number| db::complete_scan(on, of(220, number)).await).await;
    meter
        .measure("fail_scan", async |on, number| db::fail_scan(on, of(440, number), "Missing access", None).await)
        .await;
    meter.measure("release_scan", async |on, number| db::release_scan(on, of(660, number)).await).await;
    meter
        .measure("request_scan_cancel", async |on, number| db::request_scan_cancel(on, of(880, number).run_id).await)
        .await;
    meter.measure("complete_scans, 10", async |on, number| db::complete_scans(on, ten(number)).await).await;
}

async fn claims(meter: &Meter<'_>, count: usize) -> Vec<ScanClaim> {
    let (db, worker) = (meter.open().await, ScanWorker::new("worker"));
    let mut claims = Vec::new();
    while claims.len() < count {
        claims.extend(db::claim_scan_runs(&db, &worker, 100, LEASE).await.expect("written"));
    }
    meter.close(db).await;
    claims
}

/// Pages of a run, one after another. One message in ten holds a clip.
async fn of_pages(meter: &mut Meter<'_>) {
    let claims = claims(meter, 10).await;
    let page = |number: u64| {
        let first = snowflake(number).get();
        let page = ScanPage::after(Some((first - 1).into()), (first..first + 100).map(MessageId::from));
        let clips = (first..first + 100).step_by(10).map(|message| clip_of(message.into()));
        page.expect("there are messages").with_clips(clips.collect::<Vec<_>>())
    };
    let live = |number| ScanPage::live(snowflake(number)).with_clips([clip_of(snowflake(number))]);
    meter
        .measure("record_scan_page, 100 messages, 10 clips", async |on, number| {
            db::record_scan_page(on, &claims[index(number) % 10], &page(number)).await
        })
        .await;
    meter
        .measure("record_live_messages, a clip", async |on, number| {
            db::record_live_messages(on, reading_channel(number % 10), None, &live(10_000 + number)).await
        })
        .await;
    meter.measure("get_scan_coverage", async |on, number| db::get_scan_coverage(on, channel(100 + number)).await).await;
    meter
        .measure("get_scan_gaps", async |on, number| db::get_scan_gaps(on, channel(100 + number), snowflake(0)).await)
        .await;
}

async fn of_clips(meter: &mut Meter<'_>) {
    let (guild, hour) = (ClipFilter::new(guild(1)), Duration::from_hours(1));
    let (of_channel, of_author) = (guild.clone().with_channel(channel(0)), guild.clone().with_author(user(8)));
    let url = "https://cdn.example/a.mp4?ex=7a000000";
    meter.measure("get_clips, 50 of a guild", async |on, _| db::get_clips(on, &guild, None, 50).await).await;
    meter.measure("get_clips, 50 of a channel", async |on, _| db::get_clips(on, &of_channel, None, 50).await).await;
    meter.measure("get_clips, 50 of an author", async |on, _| db::get_clips(on, &of_author, None, 50).await).await;
    meter.measure_few("count_clips, a guild's 500,000", async |on, _| db::count_clips(on, &guild).await).await;
    meter.measure("count_clips, an author's", async |on, _| db::count_clips(on, &of_author).await).await;
    meter.measure("get_clip", async |on, number| db::get_clip(on, (message(number) + 1).into()).await).await;
    meter.measure("get_expiring_clips, 50", async |on, _| db::get_expiring_clips(on, hour, 50).await).await;
    meter
        .measure("refresh_clip_url", async |on, number| {
            db::refresh_clip_url(on, (message(number) + 1).into(), url).await
        })
        .await;
}

async fn of_install_intents(meter: &mut Meter<'_>) {
    let state = |number| format!("state {number}");
    let minutes = |number| Duration::from_mins(4_980 - 20 * number);
    meter
        .measure("create_install_intent", async |on, number| {
            let intent = NewInstallIntent::new(state(number), user(7), guild(7), LEASE);
            db::create_install_intent(on, &intent).await
        })
        .await;
    meter.measure("get_install_intent", async |on, number| db::get_install_intent(on, &state(number)).await).await;
    meter
        .measure("consume_install_intent", async |on, number| db::consume_install_intent(on, &state(number)).await)
        .await;
    meter
        .measure("purge_expired_install_intents, 20", async |on, number| {
            db::purge_expired_install_intents(on, minutes(number)).await
        })
        .await;
}

/// Of a purge one step: a whole one reads the runs of every channel.
async fn of_deletions(meter: &mut Meter<'_>) {
    let three = |number| [0, 1, 2].map(|n| channel(50_000 + number * 3 + n));
    meter
        .measure_few("purge_finished_scan_runs, a step", async |on, number| {
            let (keep, step) = (3_900 - number.cast_signed(), queries::scan_queue::purge_finished_scan_runs());
            let connection = on.connection().await?;
            step.bind(&connection, &None::<&str>, &keep, &0.0).one().await.expect("deleted");
            Ok(())
        })
        .await;
    meter
        .measure("delete_messages, a clip's", async |on, number| {
            db::delete_messages(on, channel(0), &[message(number).into()]).await
        })
        .await;
    meter.measure("delete_channels, 3", async |on, number| db::delete_channels(on, &three(number)).await).await;
    meter
        .measure("delete_guilds, 1 with 100 channels", async |on, number| {
            db::delete_guilds(on, &[guild(901 - number)]).await
        })
        .await;
    meter
        .measure_few("get_unreadable_rows, of all tables", async |on, _| db::get_unreadable_rows(on, 1_000).await)
        .await;
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}
