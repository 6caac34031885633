//! The facade's functions. Each takes the client and all of its arguments by position: names, defaults and documentation are in
//! `lib/clip_saver_db/_functions.py`.

use chrono::{DateTime, Utc};
use clip_saver_db::{
    CancelScope, ChannelId, ClipFilter, GuildId, GuildSnapshot, NewInstallIntent, ScanIncrement, ScanRequest, UserId,
    repositories as db,
};
use pyo3::prelude::*;

use crate::answers::AsDict;
use crate::arguments::{self, Place};
use crate::call::Call;
use crate::client::{Client, Target, ended};

fn clip_filter(
    guild_id: GuildId,
    channel_id: Option<ChannelId>,
    author_id: Option<UserId>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> ClipFilter {
    let mut filter = ClipFilter::new(guild_id);
    (filter.channel_id, filter.author_id, filter.since, filter.until) = (channel_id, author_id, since, until);
    filter
}

/// Makes functions for Python: their arguments with their readers in `arguments`, and the call on a client.
macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $read:ident),*) |$client:ident| $call:expr;)+) => {
        $(
            #[pyfunction]
            #[allow(clippy::too_many_arguments, reason = "a function takes its arguments one by one")]
            fn $name(
                py: Python<'_>,
                client: &Bound<'_, Client>,
                $($argument: &Bound<'_, PyAny>,)*
            ) -> PyResult<Call> {
                const NAME: &str = stringify!($name);
                $(let $argument = arguments::$read(Place::new(NAME, stringify!($argument)), $argument)?;)*
                match client.get().target() {
                    Target::Pool(pool) => {
                        let pool = pool.opened();
                        Call::spawn(py, NAME, async move {
                            let db = pool.db().await?;
                            let $client = &*db;
                            Ok($call?)
                        })
                    }
                    Target::Transaction(transaction) => {
                        let open = transaction.get().cloned().ok_or_else(|| ended().into_exception(py, NAME))?;
                        Call::spawn(py, NAME, async move {
                            let call = async {
                                let transaction = open.transaction().read().await;
                                let $client = transaction.as_ref().ok_or_else(ended)?;
                                Ok($call?)
                            };
                            open.run(call).await
                        })
                    }
                }
            }
        )+

        /// Adds all functions to the module.
        pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)+
            Ok(())
        }
    };
}

functions! {
    // guilds
    fn get_guild(guild_id: id) |client| db::get_guild(client, guild_id).await;
    fn get_guilds() |client| db::get_guilds(client).await;
    fn upsert_guild(guild_id: id, name: text, icon: optional_text, owner_user_id: optional_id, joined_at: optional_time)
        |client| {
            let mut guild = GuildSnapshot::new(guild_id, name);
            (guild.icon, guild.owner_user_id, guild.joined_at) = (icon, owner_user_id, joined_at);
            db::upsert_guild(client, &guild).await
        };
    fn upsert_guilds(guilds: guilds) |client| db::upsert_guilds(client, &guilds).await;
    fn delete_guilds(guild_ids: ids) |client| db::delete_guilds(client, &guild_ids).await;
    fn touch_guild(guild_id: id) |client| db::touch_guild(client, guild_id).await;
    fn sync_guild(guild: guild) |client| db::sync_guild(client, &guild).await;

    // guild settings
    fn get_guild_settings(guild_id: id)
        |client| db::get_guild_settings(client, guild_id).await.map(|row| row.map(AsDict));
    fn ensure_guild_settings(guild_id: id, defaults: settings)
        |client| db::ensure_guild_settings(client, guild_id, &defaults).await.map(AsDict);
    fn update_guild_settings(guild_id: id, values: settings)
        |client| db::update_guild_settings(client, guild_id, &values).await.map(|row| row.map(AsDict));
    fn set_guild_settings(guild_id: id, settings: settings)
        |client| db::set_guild_settings(client, guild_id, &settings).await.map(AsDict);

    // channels
    fn get_channel(channel_id: id) |client| db::get_channel(client, channel_id).await;
    fn get_channels_by_guild(guild_id: id) |client| {
        let channels = db::get_channels_by_guild(client, guild_id).await;
        channels.map(|channels| channels.into_iter().map(AsDict).collect::<Vec<_>>())
    };
    fn get_reading_channels(guild_id: id) |client| db::get_reading_channels(client, guild_id).await;
    fn count_channels_by_guild(guild_id: id) |client| db::count_channels_by_guild(client, guild_id).await;
    fn total_message_count(guild_id: id) |client| db::total_message_count(client, guild_id).await;
    fn upsert_channels_for_guild(guild_id: id, channels: channels)
        |client| db::upsert_channels_for_guild(client, guild_id, &channels).await;
    fn set_channel_reading(channel_id: id, is_reading: boolean)
        |client| db::set_channel_reading(client, channel_id, is_reading).await;
    fn update_channel_cursor(channel_id: id, last_message_id: optional_id)
        |client| db::update_channel_cursor(client, channel_id, last_message_id).await;
    fn update_channel_progress(channel_id: id, last_seen_message_id: id, ingested_count: integer)
        |client| db::update_channel_progress(client, channel_id, last_seen_message_id, ingested_count).await;
    fn touch_channel_activity(channel_id: id) |client| db::touch_channel_activity(client, channel_id).await;
    fn increment_channel_message_count(channel_id: id, by: integer)
        |client| db::increment_channel_message_count(client, channel_id, by).await;
    fn update_channel_settings(channel_id: id, values: settings)
        |client| db::update_channel_settings(client, channel_id, &values).await.map(|row| row.map(AsDict));
    fn set_channel_settings(channel_id: id, settings: settings)
        |client| db::set_channel_settings(client, channel_id, &settings).await.map(|row| row.map(AsDict));
    fn delete_channels(channel_ids: ids) |client| db::delete_channels(client, &channel_ids).await;

    // scan runs
    fn get_scan_run(run_id: run_id) |client| db::get_scan_run(client, run_id).await;
    fn get_scan_runs(channel_id: id, limit: integer) |client| db::get_scan_runs(client, channel_id, limit).await;
    fn enqueue_scan_run(channel_id: id) |client| db::enqueue_scan_run(client, channel_id).await;
    fn mark_scan_started(run_id: run_id) |client| db::mark_scan_started(client, run_id).await;
    fn record_scan_progress(
        run_id: run_id, channel_id: id, last_message_id: id, scanned_inc: integer, matched_inc: integer
    ) |client| {
        let increment = ScanIncrement::scanned(scanned_inc).with_matched(matched_inc);
        let progress = db::record_scan_progress(client, run_id, channel_id, last_message_id, increment).await;
        progress.map(|progress| progress.map(AsDict))
    };
    fn update_scan_progress(run_id: run_id, scanned_inc: integer, matched_inc: integer) |client| {
        let increment = ScanIncrement::scanned(scanned_inc).with_matched(matched_inc);
        db::update_scan_progress(client, run_id, increment).await.map(|progress| progress.map(AsDict))
    };
    fn mark_scan_succeeded(run_id: run_id) |client| db::mark_scan_succeeded(client, run_id).await;
    fn mark_scan_failed(run_id: run_id, error_message: text)
        |client| db::mark_scan_failed(client, run_id, &error_message).await;
    fn mark_scan_canceled(run_id: run_id) |client| db::mark_scan_canceled(client, run_id).await;

    // shared scans
    fn request_scan(
        channel_id: id, after: optional_id, before: optional_id, priority: integer, not_before: optional_time
    ) |client| {
        let mut request = ScanRequest::new().with_priority(priority);
        (request.after, request.before, request.not_before) = (after, before, not_before);
        db::request_scan(client, channel_id, &request).await
    };
    fn claim_scan_runs(worker: worker, limit: integer, lease_seconds: seconds)
        |client| db::claim_scan_runs(client, &worker, limit, lease_seconds).await;
    fn renew_scan_lease(claim: claim, lease_seconds: seconds)
        |client| db::renew_scan_lease(client, &claim, lease_seconds).await;
    fn complete_scan(claim: claim) |client| db::complete_scan(client, &claim).await;
    fn complete_scans(claims: claims) |client| db::complete_scans(client, &claims).await;
    fn fail_scan(claim: claim, reason: text, retry_at: optional_time)
        |client| db::fail_scan(client, &claim, &reason, retry_at).await;
    fn release_scan(claim: claim) |client| db::release_scan(client, &claim).await;
    fn request_scan_cancel(run_id: run_id) |client| db::request_scan_cancel(client, run_id).await;
    fn cancel_scans_of_guild(guild_id: id) |client| db::cancel_scans(client, CancelScope::Guild(guild_id)).await;
    fn cancel_scans_of_channels(channel_ids: ids)
        |client| db::cancel_scans(client, CancelScope::Channels(&channel_ids)).await;
    fn get_scan_states(guild_id: id) |client| db::get_scan_states(client, guild_id).await;
    fn scan_queue_stats() |client| db::scan_queue_stats(client).await;
    fn purge_finished_scan_runs(older_than_seconds: seconds, keep: integer)
        |client| db::purge_finished_scan_runs(client, older_than_seconds, keep).await;

    // pages and coverage
    fn record_scan_page(claim: claim, page: page) |client| db::record_scan_page(client, &claim, &page).await;
    fn record_live_messages(channel_id: id, since: optional_id, page: page)
        |client| db::record_live_messages(client, channel_id, since, &page).await;
    fn get_scan_coverage(channel_id: id) |client| db::get_scan_coverage(client, channel_id).await;
    fn get_scan_gaps(channel_id: id, up_to: id) |client| db::get_scan_gaps(client, channel_id, up_to).await;

    // clips
    fn get_clips(
        guild_id: id, channel_id: optional_id, author_id: optional_id, since: optional_time, until: optional_time,
        after: optional_clip_key, limit: integer
    ) |client| {
        let filter = clip_filter(guild_id, channel_id, author_id, since, until);
        db::get_clips(client, &filter, after, limit).await
    };
    fn count_clips(
        guild_id: id, channel_id: optional_id, author_id: optional_id, since: optional_time, until: optional_time
    ) |client| {
        let filter = clip_filter(guild_id, channel_id, author_id, since, until);
        db::count_clips(client, &filter).await
    };
    fn get_clip(attachment_id: id) |client| db::get_clip(client, attachment_id).await;
    fn get_expiring_clips(within_seconds: seconds, limit: integer)
        |client| db::get_expiring_clips(client, within_seconds, limit).await;
    fn refresh_clip_url(attachment_id: id, url: text) |client| db::refresh_clip_url(client, attachment_id, &url).await;
    fn delete_messages(channel_id: id, message_ids: ids)
        |client| db::delete_messages(client, channel_id, &message_ids).await;

    // install intents
    fn create_install_intent(state: text, user_id: id, guild_id: id, lifetime_seconds: seconds) |client| {
        let intent = NewInstallIntent::new(state, user_id, guild_id, lifetime_seconds);
        db::create_install_intent(client, &intent).await
    };
    fn get_install_intent(state: text) |client| db::get_install_intent(client, &state).await;
    fn consume_install_intent(state: text) |client| db::consume_install_intent(client, &state).await;
    fn purge_expired_install_intents(grace_seconds: seconds)
        |client| db::purge_expired_install_intents(client, grace_seconds).await;

    // users
    fn get_user(user_id: id) |client| db::get_user(client, user_id).await;
    fn upsert_user(user: user) |client| db::upsert_user(client, &user).await;
    fn upsert_users(users: users) |client| db::upsert_users(client, &users).await;

    // what cannot be read
    fn get_unreadable_rows(limit: integer) |client| db::get_unreadable_rows(client, limit).await;
}
