//! Every query of this version. A test compares the list with `queries/`.

use clip_saver_db::{Db, Error, queries};

/// A query, and whether the server could prepare it.
pub struct Prepared {
    /// Its file in `queries/`, and its name.
    pub name: &'static str,
    pub result: Result<(), Error>,
}

macro_rules! prepare {
    ($db:expr; $($module:ident: $($query:ident)+;)+) => {
        vec![$($(Prepared {
            name: concat!(stringify!($module), "/", stringify!($query)),
            result: {
                // In a transaction: behind a pooler the statement is closed where it was prepared.
                let transaction = $db.begin().await?;
                let prepared = queries::$module::$query().prepare(&transaction).await.map(drop);
                transaction.rollback().await;
                prepared.map_err(Error::from)
            },
        },)+)+]
    };
}

/// Lets the server prepare every query.
pub async fn prepare_all(db: &Db) -> Result<Vec<Prepared>, Error> {
    Ok(prepare! { db;
        channels: get_channel get_channels_by_guild get_reading_channels count_channels_by_guild total_message_count
            upsert_channels_for_guild set_channel_reading update_channel_cursor update_channel_progress touch_channel_activity
            increment_channel_message_count update_channel_settings set_channel_settings delete_channels;
        clips: get_clips get_clips_of_channel get_clips_of_author get_clips_of_channel_and_author count_clips
            count_clips_of_channel count_clips_of_author count_clips_of_channel_and_author get_clip get_expiring_clips
            refresh_clip_url delete_messages;
        guild_settings: get_guild_settings ensure_guild_settings update_guild_settings set_guild_settings;
        guilds: get_guild get_guilds upsert_guild upsert_guilds delete_guilds touch_guild sync_guild;
        install_intents: create_install_intent get_install_intent consume_install_intent purge_expired_install_intents;
        parts: current_transaction;
        scan_pages: create_scan_coverage record_scan_page get_scan_coverage get_scan_gaps;
        scan_queue: request_scan claim_queued_scan_runs claim_scan_runs renew_scan_lease complete_scan complete_scans fail_scan release_scan
            request_scan_cancel cancel_scans get_scan_states scan_queue_stats purge_finished_scan_runs;
        scan_runs: get_scan_run get_scan_runs enqueue_scan_run mark_scan_started record_scan_progress
            update_scan_progress mark_scan_succeeded mark_scan_failed mark_scan_canceled;
        unreadable_rows: get_unreadable_rows;
        users: get_user upsert_users;
    })
}
