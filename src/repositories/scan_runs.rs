//! Scan runs: queued → running → succeeded, failed or canceled. A queued run may also finish without running. The status and
//! times of a finished run never change again.

use super::parts::check_bytes;
use super::{check_text, stored, wrote};
use crate::codegen::client::Params as _;
use crate::codegen::queries::scan_runs::{
    self as queries, RecordScanProgressParams, ScanProgressRow, ScanRunRowBorrowed,
};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::types::ids::{ChannelId, MessageId, ScanRunId};
use crate::types::models::{ScanProgress, ScanRun};
use crate::types::snapshots::ScanIncrement;

impl TryFrom<ScanRunRowBorrowed<'_>> for ScanRun {
    type Error = Error;

    fn try_from(row: ScanRunRowBorrowed<'_>) -> Result<Self, Error> {
        let ScanRunRowBorrowed {
            id,
            channel_id,
            after_message_id,
            before_message_id,
            last_message_id,
            status,
            messages_scanned,
            messages_matched,
            error_message,
            started_at,
            finished_at,
            created_at,
            priority,
            not_before,
            worker,
            lease_until,
            attempts,
            takeovers,
            cancel_requested_at,
        } = row;
        Ok(Self {
            id: id.into(),
            channel_id: stored("bot_channel_scan_runs.channel_id", &id.to_string(), channel_id)?,
            after_message_id: after_message_id.and_then(|cursor| cursor.parse().ok()),
            before_message_id: before_message_id.and_then(|cursor| cursor.parse().ok()),
            last_message_id: last_message_id.and_then(|cursor| cursor.parse().ok()),
            status: status.into(),
            messages_scanned,
            messages_matched,
            error_message: error_message.map(Into::into),
            started_at,
            finished_at,
            created_at,
            priority,
            not_before,
            worker: worker.map(Into::into),
            lease_until,
            attempts: attempts.unsigned_abs(),
            takeovers: takeovers.unsigned_abs(),
            cancel_requested_at,
        })
    }
}

impl From<ScanProgressRow> for ScanProgress {
    fn from(row: ScanProgressRow) -> Self {
        let ScanProgressRow { messages_scanned, messages_matched } = row;
        Self { messages_scanned, messages_matched }
    }
}

/// Returns a run; `None` if it is unknown.
///
/// Needs: select on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_scan_run(client: &impl Client, run_id: ScanRunId) -> Result<Option<ScanRun>, Error> {
    read!(client, "get_scan_run", |on| queries::get_scan_run()
        .bind(on, &run_id.get())
        .map(|row| ScanRun::try_from(row)))
}

/// Returns the newest runs of a channel, at most `limit`, newest first. Leaves out rows that cannot be read, and
/// [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_scan_runs(client: &impl Client, channel_id: ChannelId, limit: u32) -> Result<Vec<ScanRun>, Error> {
    let limit = i64::from(limit);
    list!(client, "get_scan_runs", |on| queries::get_scan_runs()
        .bind(on, &channel_id, &limit)
        .map(|row| ScanRun::try_from(row)))
}

/// Enqueues a run that starts after the channel's cursor; `None` if the channel is unknown or not reading.
///
/// Not idempotent: repeated, it enqueues another run.
///
/// Needs: select, update on `bot_channels`; select, insert on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn enqueue_scan_run(client: &impl Client, channel_id: ChannelId) -> Result<Option<ScanRunId>, Error> {
    once!(client, "enqueue_scan_run", "INSERT", |on| {
        Ok(queries::enqueue_scan_run().bind(on, &channel_id).opt().await?.map(ScanRunId::from))
    })
}

/// queued → running, sets `started_at` to now; returns whether the run was queued. Of many concurrent callers exactly one gets
/// `true`.
///
/// Not idempotent: repeated, it answers `false`.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn mark_scan_started(client: &impl Client, run_id: ScanRunId) -> Result<bool, Error> {
    once!(client, "mark_scan_started", "UPDATE", |on| {
        wrote(queries::mark_scan_started().bind(on, &run_id.get())).await
    })
}

/// Records a page that a run has read, whatever the run's status, and returns the run's totals. If the run is unknown or
/// belongs to another channel, records nothing and returns `None`.
///
/// Adds to both counters of the run and to the channel's message count, moves the channel's cursor forward to the page's last
/// message (never back), and sets its `last_scanned_at` to now: all of this, or nothing.
///
/// **A page counts once.** You may repeat the call after any error, even if it is unknown whether the page was stored. A page
/// that does not end beyond the last message that the run has counted changes nothing, and the call returns the totals. So
/// record a run's pages in ascending order of their messages, and repeat each one until it succeeds before you record the
/// next.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`; select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::Database`] (SQLSTATE 22003) if a counter or the channel's message count would not fit into an `i64`; else see
/// the [module](super#errors).
pub async fn record_scan_progress(
    client: &impl Client,
    run_id: ScanRunId,
    channel_id: ChannelId,
    last_message_id: MessageId,
    increment: ScanIncrement,
) -> Result<Option<ScanProgress>, Error> {
    idempotent!(client, "record_scan_progress", "UPDATE", |on| {
        let ScanIncrement { scanned, matched } = increment;
        let params = RecordScanProgressParams { channel_id, last_message_id, id: run_id.get(), scanned, matched };
        let progress = queries::record_scan_progress().params(on, &params).opt().await?;
        Ok(progress.map(ScanProgress::from))
    })
}

/// Adds to both counters, whatever the run's status, and returns the totals; `None` if the run is unknown.
///
/// Not idempotent: repeated, it counts twice; [`record_scan_progress`] does not.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::Database`] (SQLSTATE 22003) if a counter would not fit into an `i64`; else see the [module](super#errors).
pub async fn update_scan_progress(
    client: &impl Client,
    run_id: ScanRunId,
    increment: ScanIncrement,
) -> Result<Option<ScanProgress>, Error> {
    once!(client, "update_scan_progress", "UPDATE", |on| {
        let query = queries::update_scan_progress();
        let progress = query.bind(on, &increment.scanned, &increment.matched, &run_id.get()).opt().await?;
        Ok(progress.map(ScanProgress::from))
    })
}

/// queued or running → succeeded, sets `finished_at` to now; returns whether the run was queued or running.
///
/// Not idempotent: repeated, it answers `false`.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn mark_scan_succeeded(client: &impl Client, run_id: ScanRunId) -> Result<bool, Error> {
    once!(client, "mark_scan_succeeded", "UPDATE", |on| {
        wrote(queries::mark_scan_succeeded().bind(on, &run_id.get())).await
    })
}

/// queued or running → failed, stores the reason, sets `finished_at` to now; returns whether the run was queued or running.
///
/// Not idempotent: repeated, it answers `false`.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000; else see the [module](super#errors).
pub async fn mark_scan_failed(client: &impl Client, run_id: ScanRunId, error_message: &str) -> Result<bool, Error> {
    once!(
        client,
        "mark_scan_failed",
        "UPDATE",
        || check_text("error_message", error_message),
        || check_bytes("error_message", std::iter::once(error_message.len()), client.limits()),
        |on| wrote(queries::mark_scan_failed().bind(on, &error_message, &run_id.get())).await
    )
}

/// queued or running → canceled, sets `finished_at` to now; returns whether the run was queued or running.
///
/// Not idempotent: repeated, it answers `false`.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn mark_scan_canceled(client: &impl Client, run_id: ScanRunId) -> Result<bool, Error> {
    once!(client, "mark_scan_canceled", "UPDATE", |on| {
        wrote(queries::mark_scan_canceled().bind(on, &run_id.get())).await
    })
}
