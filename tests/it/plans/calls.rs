//! A call for every query, with realistic parameters: the guild with 10,000 channels, a channel with 4,000 runs.

use std::time::Duration;

use clip_saver_db::{
    Attachment, CancelScope, ChannelId, ChannelSnapshot, Client, ClipAuthor, ClipFilter, ClipMessage, GenericClient,
    GuildId, GuildSnapshot, LeaseState, MessageId, NewInstallIntent, RecordedScanPage, ScanClaim, ScanIncrement,
    ScanPage, ScanRequest, ScanRequested, ScanRunId, ScanWorker, UserId, UserSnapshot, queries, repositories as db,
};

use crate::support::{changed, json};

// The ids of tests/fixtures/large_database.sql.

fn user(n: u64) -> UserId {
    (700_000_000_000_000_000 + n * 4099).into()
}

fn guild(n: u64) -> GuildId {
    (100_000_000_000_000_000 + n * 4099).into()
}

fn channel(n: u64) -> ChannelId {
    (200_000_000_000_000_000 + n * 4099).into()
}

fn run(n: u64) -> ScanRunId {
    format!("{n:032x}").parse().unwrap()
}

/// Users, half of them new.
fn users() -> Vec<UserSnapshot> {
    (49_951..50_051).map(|n| UserSnapshot::new(user(n), "renamed")).collect()
}

fn guilds() -> Vec<GuildSnapshot> {
    (951..1_051).map(|n| changed!(GuildSnapshot::new(guild(n), "renamed"), owner_user_id = Some(user(n)))).collect()
}

/// 100 stored channels of guild 901 and 100 new ones.
fn channels() -> Vec<ChannelSnapshot> {
    let overrides = json(r#"{"is_enabled": true}"#);
    let channel =
        |n| changed!(ChannelSnapshot::new(channel(n), "renamed", "text"), settings_overrides = Some(overrides.clone()));
    (99_900..100_100).map(channel).collect()
}

pub async fn of_unreadable_rows(client: &impl Client) {
    assert_eq!(db::get_unreadable_rows(client, 1_000).await.unwrap(), []);
}

pub async fn of_users(client: &impl Client) {
    assert!(db::get_user(client, user(25_000)).await.unwrap().is_some());
    assert_eq!(db::upsert_users(client, &users()).await.unwrap(), 100);
}

pub async fn of_guilds(client: &impl Client) {
    let owner_user_id = Some(user(50_077)); // not stored yet
    let known = changed!(GuildSnapshot::new(guild(901), "renamed"), owner_user_id, channels = channels());
    assert!(db::get_guild(client, guild(500)).await.unwrap().is_some());
    assert_eq!(db::get_guilds(client).await.unwrap().len(), 1_000);
    assert!(db::touch_guild(client, guild(500)).await.unwrap());
    assert_eq!(db::sync_guild(client, &known).await.unwrap(), 200);
    db::upsert_guild(client, &known).await.unwrap();
    assert_eq!(db::upsert_guilds(client, &guilds()).await.unwrap(), 100);
    assert_eq!(db::delete_guilds(client, &[guild(30), guild(20), guild(10)]).await.unwrap(), 3);
}

pub async fn of_guild_settings(client: &impl Client) {
    let patch = json(r#"{"prefix": "?"}"#);
    assert!(db::get_guild_settings(client, guild(500)).await.unwrap().is_some());
    db::ensure_guild_settings(client, guild(500), &patch).await.unwrap();
    assert!(db::update_guild_settings(client, guild(500), &patch).await.unwrap().is_some());
    db::set_guild_settings(client, guild(500), &patch).await.unwrap();
}

pub async fn of_channels(client: &impl Client) {
    let (one, patch) = (channel(50_000), json(r#"{"limit": 7}"#));
    assert!(db::get_channel(client, one).await.unwrap().is_some());
    assert_eq!(db::get_channels_by_guild(client, guild(1)).await.unwrap().len(), 10_000);
    assert_eq!(db::get_reading_channels(client, guild(1)).await.unwrap().len(), 7_000);
    assert_eq!(db::count_channels_by_guild(client, guild(1)).await.unwrap(), 10_000);
    assert!(db::total_message_count(client, guild(1)).await.unwrap() > 0);
    assert_eq!(db::upsert_channels_for_guild(client, guild(901), &channels()).await.unwrap(), 200);
    assert!(db::set_channel_reading(client, one, true).await.unwrap());
    assert!(db::update_channel_cursor(client, one, Some(7.into())).await.unwrap());
    assert!(db::update_channel_progress(client, one, 8.into(), 1).await.unwrap());
    assert!(db::touch_channel_activity(client, one).await.unwrap());
    assert!(db::increment_channel_message_count(client, one, 1).await.unwrap());
    assert!(db::update_channel_settings(client, one, &patch).await.unwrap().is_some());
    assert!(db::set_channel_settings(client, one, &patch).await.unwrap().is_some());
    assert_eq!(db::delete_channels(client, &[channel(70_003), channel(70_002), channel(70_001)]).await.unwrap(), 3);
}

pub async fn of_scan_runs(client: &impl Client) {
    let one = ScanIncrement::scanned(1).with_matched(1);
    assert!(db::get_scan_run(client, run(500_000)).await.unwrap().is_some());
    assert_eq!(db::get_scan_runs(client, channel(0), 50).await.unwrap().len(), 50);
    assert!(db::enqueue_scan_run(client, channel(0)).await.unwrap().is_some());
    assert!(db::mark_scan_started(client, run(999_001)).await.unwrap());
    assert!(db::record_scan_progress(client, run(999_001), channel(1), 7.into(), one).await.unwrap().is_some());
    assert!(db::update_scan_progress(client, run(999_001), one).await.unwrap().is_some());
    assert!(db::mark_scan_succeeded(client, run(999_001)).await.unwrap());
    assert!(db::mark_scan_failed(client, run(999_002), "Missing access").await.unwrap());
    assert!(db::mark_scan_canceled(client, run(999_003)).await.unwrap());
}

const LEASE: Duration = Duration::from_mins(1);

/// Claims five runs, and lets each end in another way.
pub async fn of_scan_queue(client: &impl Client) {
    let request = ScanRequest::new().with_after(MessageId::from(7)).with_priority(5);
    let requested = db::request_scan(client, channel(10), &request).await.unwrap();
    assert!(matches!(requested, ScanRequested::Enqueued(_)), "{requested:?}");
    let worker = ScanWorker::new("plans");
    let claims = db::claim_scan_runs(client, &worker, 5, LEASE).await.unwrap();
    assert_eq!(claims.len(), 5);
    assert_eq!(db::claim_scan_runs(client, &worker, 1, LEASE).await.unwrap().len(), 1); // at the queue's head
    assert_eq!(db::renew_scan_lease(client, &claims[0], LEASE).await.unwrap(), LeaseState::Held);
    assert!(db::complete_scan(client, &claims[0]).await.unwrap());
    assert_eq!(db::complete_scans(client, &claims[4..]).await.unwrap(), [claims[4].run_id]);
    assert!(db::fail_scan(client, &claims[1], "later", None).await.unwrap());
    assert!(db::release_scan(client, &claims[2]).await.unwrap());
    assert!(db::request_scan_cancel(client, claims[3].run_id).await.unwrap());
    assert!(db::cancel_scans(client, CancelScope::Guild(guild(2))).await.unwrap() > 0);
    assert!(db::scan_queue_stats(client).await.unwrap().queued > 10_000);
}

/// What reads the runs of many channels. Of a purge one step: all of them would take minutes here.
pub async fn of_many_channels(client: &(impl Client + GenericClient)) {
    assert_eq!(db::get_scan_states(client, guild(3)).await.unwrap().len(), 100);
    let (after, keep, older_than) = (None::<&str>, 100, 0.0);
    let step = queries::scan_queue::purge_finished_scan_runs().bind(client, &after, &keep, &older_than).one().await;
    assert!(step.unwrap().deleted > 0);
}

fn clip(message: u64) -> ClipMessage {
    let attachment = Attachment::new((message + 1).into(), "a.mp4", 7, "https://cdn.example/a.mp4?ex=6a000000");
    ClipMessage::new(message.into(), ClipAuthor::new(user(7), "ada"), [attachment])
}

/// A page of a run that has just been claimed: the first of a channel, so that its coverage is made, too.
pub async fn of_scan_pages(client: &impl Client) {
    let new = ChannelId::from(7);
    let snapshot = ChannelSnapshot::new(new, "new", "text");
    db::upsert_channels_for_guild(client, guild(903), &[snapshot]).await.unwrap();
    db::set_channel_reading(client, new, true).await.unwrap();
    db::request_scan(client, new, &ScanRequest::new().with_priority(100)).await.unwrap();
    let claim: ScanClaim = db::claim_scan_runs(client, &ScanWorker::new("plans"), 1, LEASE).await.unwrap()[0];
    let messages: Vec<_> = (9_001..9_101).map(MessageId::from).collect();
    let page = ScanPage::after(None, messages).unwrap().with_clips((9_001..9_011).map(clip).collect::<Vec<_>>());
    let recorded = db::record_scan_page(client, &claim, &page).await.unwrap();
    assert!(matches!(recorded, RecordedScanPage::Recorded(recorded) if recorded.new_clips == 10), "{recorded:?}");
    assert_eq!(db::get_scan_coverage(client, channel(1)).await.unwrap().len(), 2);
    assert_eq!(db::get_scan_gaps(client, channel(1), 330_000_000_000_000_000.into()).await.unwrap().len(), 2);
}

pub async fn of_clips(client: &impl Client) {
    let (of_guild, of_author) = (ClipFilter::new(guild(1)), user(8));
    let of_channel = of_guild.clone().with_channel(channel(0));
    for filter in
        [of_guild.clone(), of_channel.clone(), of_guild.with_author(of_author), of_channel.with_author(of_author)]
    {
        let page = db::get_clips(client, &filter, None, 50).await.unwrap();
        assert_eq!(page.clips.len(), 50, "{filter:?}");
        assert!(db::count_clips(client, &filter).await.unwrap() > 50);
    }
    let clip = 400_000_000_001_048_584;
    assert!(db::get_clip(client, clip.into()).await.unwrap().is_some());
    assert_eq!(db::get_expiring_clips(client, Duration::from_hours(1), 50).await.unwrap().len(), 50);
    assert!(db::refresh_clip_url(client, clip.into(), "https://cdn.example/a.mp4?ex=7a000000").await.unwrap());
    assert_eq!(db::delete_messages(client, channel(7919), &[(clip - 1).into(), 8.into()]).await.unwrap(), 1);
}

pub async fn of_install_intents(client: &impl Client) {
    let (state, lifetime) = ("state".to_owned(), Duration::from_mins(10));
    let intent = NewInstallIntent::new(state, user(7), guild(2_000), lifetime);
    db::create_install_intent(client, &intent).await.unwrap();
    assert!(db::get_install_intent(client, &intent.state).await.unwrap().is_some());
    assert!(db::consume_install_intent(client, &intent.state).await.unwrap().is_some());
    assert!(db::purge_expired_install_intents(client, Duration::from_mins(5)).await.unwrap() > 4_000);
}

/// The queries that a large batch runs before it is sent in parts.
pub async fn of_parts(client: &impl GenericClient) {
    assert!(queries::parts::current_transaction().bind(client).one().await.unwrap().is_some());
}

/// Batches of two rows.
pub async fn of_small_batches(client: &(impl Client + GenericClient)) {
    let users = [user(25_000), user(60_000)].map(|id| UserSnapshot::new(id, "renamed"));
    let guilds = [guild(901), guild(2_000)].map(|id| GuildSnapshot::new(id, "renamed"));
    let channels = [channel(99_900), channel(200_000)].map(|id| ChannelSnapshot::new(id, "renamed", "text"));
    let with_channels = changed!(GuildSnapshot::new(guild(901), "renamed"), channels = channels.to_vec());
    assert_eq!(db::upsert_users(client, &users).await.unwrap(), 2);
    assert_eq!(db::upsert_guilds(client, &guilds).await.unwrap(), 2);
    assert_eq!(db::upsert_channels_for_guild(client, guild(901), &channels).await.unwrap(), 2);
    assert_eq!(db::sync_guild(client, &with_channels).await.unwrap(), 2);
    let runs = [run(2_000_100).get(), run(2_000_200).get()];
    assert_eq!(
        queries::scan_queue::complete_scans()
            .bind(client, &runs.as_slice(), &[1_i64, 1].as_slice())
            .all()
            .await
            .unwrap()
            .len(),
        2
    );
    let page = ScanPage::after(None, [9_001.into(), 9_002.into()]).unwrap().with_clips([clip(9_001), clip(9_002)]);
    assert_eq!(db::record_live_messages(client, channel(0), None, &page).await.unwrap().unwrap().new_clips, 2);
    let read = [channel(6), channel(12)];
    assert!(db::cancel_scans(client, CancelScope::Channels(&read)).await.unwrap() > 0);
    let deleted = [1, 2].map(|n: u64| (400_000_000_000_000_000 + 4 * n * 1_048_583).into());
    assert_eq!(db::delete_messages(client, channel(0), &deleted).await.unwrap(), 2);
    assert_eq!(db::delete_channels(client, &[channel(99_909), channel(99_919)]).await.unwrap(), 2);
    assert_eq!(db::delete_guilds(client, &[guild(902), guild(903)]).await.unwrap(), 2);
}

/// Batches of 10,000 rows, the most that one statement gets.
pub async fn of_large_batches(client: &(impl Client + GenericClient)) {
    let users: Vec<_> = (45_000..55_000).map(|n| UserSnapshot::new(user(n), "renamed")).collect();
    let guilds: Vec<_> = (901..10_901).map(|n| GuildSnapshot::new(guild(n), "renamed")).collect();
    let channels: Vec<_> = (95_000..105_000).map(|n| ChannelSnapshot::new(channel(n), "renamed", "text")).collect();
    let with_channels = changed!(GuildSnapshot::new(guild(900), "renamed"), channels = channels.clone());
    assert_eq!(db::upsert_users(client, &users).await.unwrap(), 10_000);
    assert_eq!(db::upsert_guilds(client, &guilds).await.unwrap(), 10_000);
    assert_eq!(db::upsert_channels_for_guild(client, guild(901), &channels).await.unwrap(), 10_000);
    assert_eq!(db::sync_guild(client, &with_channels).await.unwrap(), 10_000);
    let runs: Vec<_> = (1..=10_000).map(|n| run(2_000_000 + 10 * n).get()).collect();
    queries::scan_queue::complete_scans().bind(client, &runs, &vec![1_i64; 10_000]).all().await.unwrap();
    let scanned: Vec<_> = (0..10_000).map(|n| channel(n * 6)).collect();
    assert!(db::cancel_scans(client, CancelScope::Channels(&scanned)).await.unwrap() > 10_000);
    let deleted: Vec<_> = (0..10_000).map(|n| (400_000_000_000_000_000 + 4 * n * 1_048_583).into()).collect();
    assert!(db::delete_messages(client, channel(0), &deleted).await.unwrap() > 9_000);
    let page = db::get_clips(client, &ClipFilter::new(guild(1)), None, 10_000).await.unwrap();
    assert_eq!(page.clips.len(), 10_000);
    let unread: Vec<_> = (0..10_000).map(|n| channel(n * 10 + 9)).collect();
    assert_eq!(db::delete_channels(client, &unread).await.unwrap(), 10_000);
    let empty: Vec<_> = (902..10_902).map(guild).collect();
    assert!(db::delete_guilds(client, &empty).await.unwrap() > 9_000);
}
