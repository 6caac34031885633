//! Scans that workers share. A run is requested, claimed by a worker for the time of a lease, and completed, failed or handed
//! back. A worker that dies loses its claim when the lease expires, and another one takes the run over.

use std::collections::HashSet;
use std::time::Duration;

use futures::stream;
use metrics::gauge;

use super::parts::check_bytes;
use super::{bigint, check_duration, check_text, check_time, found, rows, stored};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::queries::scan_queue::{
    self as queries, ClaimedRunRowBorrowed, ScanQueueStatsRow, ScanRequestRow, ScanStateRowBorrowed,
};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows;
use crate::types::ids::{ChannelId, GuildId, MessageId, ScanRunId};
use crate::types::models::ScanProgress;
use crate::types::scans::{
    ActiveScan, CancelScope, ClaimCall, LastScan, LeaseState, Look, ScanClaim, ScanQueueStats, ScanRequest,
    ScanRequested, ScanState, ScanWorker,
};

/// The most runs that a call claims: the planner must know that there are few.
const MAX_CLAIMS: u32 = 100;

/// The most runs that a step of a purge deletes, as its statement says.
const PURGE_STEP: i64 = 10_000;

impl Rows for ScanQueueStats {}
impl Rows for queries::PurgedRow {}

/// Whether a run was enqueued.
impl Rows for ScanRequested {
    fn rows(&self) -> u64 {
        u64::from(matches!(self, Self::Enqueued(_)))
    }
}

/// Whether the claim holds.
impl Rows for LeaseState {
    fn rows(&self) -> u64 {
        u64::from(*self != Self::Lost)
    }
}

impl From<ScanRequestRow> for ScanRequested {
    fn from(row: ScanRequestRow) -> Self {
        match (row.id, row.is_new) {
            (Some(id), Some(true)) => Self::Enqueued(id.into()),
            (Some(id), _) => Self::AlreadyActive(id.into()),
            (None, _) => Self::NotReading,
        }
    }
}

impl TryFrom<ClaimedRunRowBorrowed<'_>> for ScanClaim {
    type Error = Error;

    fn try_from(row: ClaimedRunRowBorrowed<'_>) -> Result<Self, Error> {
        let ClaimedRunRowBorrowed {
            id,
            channel_id,
            guild_id,
            after_message_id,
            before_message_id,
            claim_token,
            attempts,
        } = row;
        let key = id.to_string();
        let message = |column, text: Option<&str>| text.map(|text| stored(column, &key, text)).transpose();
        Ok(Self {
            run_id: id.into(),
            token: claim_token,
            channel_id: stored("bot_channel_scan_runs.channel_id", &key, channel_id)?,
            guild_id: stored("bot_channel_scan_runs.guild_id", &key, guild_id)?,
            after: message("bot_channel_scan_runs.after_message_id", after_message_id)?,
            before: message("bot_channel_scan_runs.before_message_id", before_message_id)?,
            attempt: attempts.unsigned_abs(),
        })
    }
}

impl TryFrom<ScanStateRowBorrowed<'_>> for ScanState {
    type Error = Error;

    fn try_from(row: ScanStateRowBorrowed<'_>) -> Result<Self, Error> {
        let active = row.run_id.zip(row.status).map(|(run_id, status)| ActiveScan {
            run_id: run_id.into(),
            status: status.into(),
            worker: row.worker.map(Into::into),
            lease_until: row.lease_until,
            progress: ScanProgress {
                messages_scanned: row.messages_scanned.unwrap_or_default(),
                messages_matched: row.messages_matched.unwrap_or_default(),
            },
        });
        let last = row.last_status.zip(row.last_finished_at).map(|(status, finished_at)| LastScan {
            status: status.into(),
            finished_at,
            error_message: row.last_error.map(Into::into),
        });
        Ok(Self {
            channel_id: stored("bot_channels.channel_id", row.channel_id, row.channel_id)?,
            name: row.name.map(Into::into),
            is_reading: row.is_reading,
            message_count: row.message_count,
            gaps: rows(row.gaps),
            active,
            last,
        })
    }
}

impl From<ScanQueueStatsRow> for ScanQueueStats {
    fn from(row: ScanQueueStatsRow) -> Self {
        let ScanQueueStatsRow { queued, delayed, running, expired, oldest_seconds } = row;
        Self {
            queued: rows(queued),
            delayed: rows(delayed),
            running: rows(running),
            expired: rows(expired),
            oldest: oldest_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()),
        }
    }
}

/// Enqueues a run that workers share, unless an equal one (same channel, `after` and `before`) is queued or running: of any
/// number of concurrent equal requests one enqueues. A run that is to be canceled does not count as active. Wakes the workers.
///
/// Idempotent.
///
/// Sent again, it may answer `AlreadyActive` with the run that it has enqueued.
///
/// Needs: select, update on `bot_channels`; select, insert, update on `bot_channel_scan_runs`; select, insert on
/// `bot_scan_queue`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `after` or `before` is over 2⁶³−1, if nothing lies between them, or if `not_before` is before
/// PostgreSQL's calendar; else see the [module](super#errors).
pub async fn request_scan(
    client: &impl Client,
    channel_id: ChannelId,
    request: &ScanRequest,
) -> Result<ScanRequested, Error> {
    idempotent!(client, "request_scan", "INSERT", || check_request(request), |on| {
        let ScanRequest { after, before, priority, not_before } = *request;
        let query = queries::request_scan();
        let row = query.bind(on, &channel_id, &priority, &after, &before, &not_before).opt().await?;
        Ok(row.map_or(ScanRequested::UnknownChannel, ScanRequested::from))
    })
}

/// Claims at most `limit` runs for the time of `lease`: those with the highest priority first, then the oldest, in turns of the
/// guilds: 10,000 runs of one guild delay another guild's by one round. It never waits for other claimers. It takes over runs
/// whose lease has expired; after 20 takeovers such a run has failed. Runs that programs enqueued for themselves
/// (`enqueue_scan_run`) are not claimed.
///
/// A run whose lease expired, whose `not_before` has come, or that was handed back, is found at the latest a second later, by
/// calls of the same worker in quick succession.
///
/// Idempotent.
///
/// If the outcome of a call was unknown, the next call with the same [`ScanWorker`] returns the same claims, with new leases,
/// also if they are more than its `limit`. In your own transaction a call counts as answered when it returns: if the outcome of
/// your commit is unknown, its runs come back when their leases expire.
///
/// Leaves out runs that cannot be read, and [reports](super#rows-that-cannot-be-read) them. Such a run fails after 20 takeovers.
/// Runs of channels that are not read any more are claimed, too: [`cancel_scans`] when you stop reading a channel.
///
/// Needs: select, update on `bot_channel_scan_runs`; select, update on `bot_scan_queue`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `limit` is 0 or over 100, if the lease is under a millisecond or over 100 years, and for
/// U+0000 in the worker's name; else see the [module](super#errors).
pub async fn claim_scan_runs(
    client: &impl Client,
    worker: &ScanWorker,
    limit: u32,
    lease: Duration,
) -> Result<Vec<ScanClaim>, Error> {
    idempotent!(
        client,
        "claim_scan_runs",
        "UPDATE",
        || check_text("worker", worker.name()),
        || check_limit(limit, MAX_CLAIMS),
        || check_lease(lease),
        |on| {
            let mut claimed = claim(on, worker, limit, lease).await?;
            if claimed.claims.is_empty() && claimed.call.look != Look::Full {
                claimed.call.answer(0, limit);
                claimed = claim(on, worker, limit, lease).await?;
            }
            Ok(claimed)
        }
    )?
    .answer(limit)
    .await
}

/// What a look found. Dropped without an answer, because the commit's outcome is unknown, the worker's next call repeats it.
struct Claimed<'a> {
    call: ClaimCall<'a>,
    claims: Vec<Result<ScanClaim, Error>>,
}

impl Claimed<'_> {
    async fn answer(mut self, limit: u32) -> Result<Vec<ScanClaim>, Error> {
        self.call.answer(self.claims.len(), limit);
        super::readable("claim_scan_runs", stream::iter(self.claims.into_iter().map(Ok))).await
    }
}

impl Rows for Claimed<'_> {
    fn rows(&self) -> u64 {
        self.claims.len() as u64
    }
}

async fn claim<'a>(
    client: &impl GenericClient,
    worker: &'a ScanWorker,
    limit: u32,
    lease: Duration,
) -> Result<Claimed<'a>, Error> {
    let call = worker.begin_call();
    let claims = send_claim(client, &call, worker.name(), limit, lease).await?;
    Ok(Claimed { call, claims })
}

/// Sends the statement that is enough for a look.
async fn send_claim(
    client: &impl GenericClient,
    call: &ClaimCall<'_>,
    worker: &str,
    limit: u32,
    lease: Duration,
) -> Result<Vec<Result<ScanClaim, Error>>, tokio_postgres::Error> {
    let (limit, lease) = (i64::from(limit), lease.as_secs_f64());
    let ClaimCall { is_repeated, request, look, .. } = call;
    if *look == Look::AtHead {
        let query = queries::claim_queued_scan_runs();
        let claims = query.bind(client, &limit, request, &worker, &lease);
        return claims.map(|row| ScanClaim::try_from(row)).all().await;
    }
    let query = queries::claim_scan_runs();
    let is_full = *look == Look::Full;
    let claims = query.bind(client, &lease, is_repeated, request, &is_full, &limit, &worker);
    claims.map(|row| ScanClaim::try_from(row)).all().await
}

/// Extends a claim to `lease` from now.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the lease is under a millisecond or over 100 years; else see the [module](super#errors).
pub async fn renew_scan_lease(client: &impl Client, claim: &ScanClaim, lease: Duration) -> Result<LeaseState, Error> {
    idempotent!(client, "renew_scan_lease", "UPDATE", || check_lease(lease), |on| {
        let query = queries::renew_scan_lease();
        let renewed = query.bind(on, &lease.as_secs_f64(), &claim.run_id.get(), &claim.token).opt().await?;
        Ok(match renewed {
            None => LeaseState::Lost,
            Some(false) => LeaseState::Held,
            Some(true) => LeaseState::CancelRequested,
        })
    })
}

/// running → succeeded; returns whether the claim still held. Sent again, it answers `true` again.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn complete_scan(client: &impl Client, claim: &ScanClaim) -> Result<bool, Error> {
    idempotent!(client, "complete_scan", "UPDATE", |on| {
        found(queries::complete_scan().bind(on, &claim.run_id.get(), &claim.token).opt()).await
    })
}

/// [`complete_scan`] for many claims at once; returns the runs whose claims still held, in no order. A run that somebody else is
/// writing to, and a claim that was lost, take a call of their own: so no two callers wait for each other, except in your own
/// transactions. On an error some of the runs may be completed: send the claims again.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn complete_scans(client: &impl Client, claims: &[ScanClaim]) -> Result<Vec<ScanRunId>, Error> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let ids = IterSql(|| claims.iter().map(|claim| claim.run_id.get()));
    let tokens = IterSql(|| claims.iter().map(|claim| claim.token));
    let mut completed = idempotent!(client, "complete_scans", "UPDATE", |on| {
        Ok(queries::complete_scans().bind(on, &ids, &tokens).map(ScanRunId::from).all().await?)
    })?;
    let mut done: HashSet<_> = completed.iter().copied().collect();
    for claim in claims {
        if done.insert(claim.run_id) && complete_scan(client, claim).await? {
            completed.push(claim.run_id);
        }
    }
    Ok(completed)
}

/// running → failed with the reason; with `retry_at`, back into the queue until that time. A run that is to be canceled is
/// canceled. Returns whether the claim still held. Sent again, it answers `true` again.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000, and for a time before PostgreSQL's calendar; else see the [module](super#errors).
pub async fn fail_scan(
    client: &impl Client,
    claim: &ScanClaim,
    reason: &str,
    retry_at: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<bool, Error> {
    idempotent!(
        client,
        "fail_scan",
        "UPDATE",
        || check_text("reason", reason),
        || check_time("retry_at", retry_at),
        || check_bytes("reason", std::iter::once(reason.len()), client.limits()),
        |on| {
            let query = queries::fail_scan();
            found(query.bind(on, &retry_at, &reason, &claim.run_id.get(), &claim.token).opt()).await
        }
    )
}

/// Hands a run back to the queue, in front of its priority, without counting as an attempt: for a worker that stops. A run that
/// is to be canceled is canceled. Returns whether the claim still held. Wakes the workers. Sent again, it answers `true` again.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`; select on `bot_scan_queue`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn release_scan(client: &impl Client, claim: &ScanClaim) -> Result<bool, Error> {
    idempotent!(client, "release_scan", "UPDATE", |on| {
        found(queries::release_scan().bind(on, &claim.run_id.get(), &claim.token).opt()).await
    })
}

/// Cancels a run: a queued one at once, also one that is not shared; of a running one the worker is told by its next page or
/// renewal. Returns whether the run was queued or running.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn request_scan_cancel(client: &impl Client, run_id: ScanRunId) -> Result<bool, Error> {
    idempotent!(client, "request_scan_cancel", "UPDATE", |on| {
        found(queries::request_scan_cancel().bind(on, &run_id.get()).opt()).await
    })
}

/// Cancels the shared runs of a guild or of channels, as [`request_scan_cancel`] does; returns how many were queued or running.
///
/// Idempotent.
///
/// Needs: select, update on `bot_channels`; select, update on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn cancel_scans(client: &impl Client, scope: CancelScope<'_>) -> Result<u64, Error> {
    if scope == CancelScope::Channels(&[]) {
        return Ok(0);
    }
    idempotent!(client, "cancel_scans", "UPDATE", |on| {
        let (guild_id, channel_ids) = match scope {
            CancelScope::Guild(guild_id) => (Some(guild_id), &[][..]),
            CancelScope::Channels(channel_ids) => (None, channel_ids),
        };
        let channel_ids = IterSql(|| channel_ids.iter().copied());
        Ok(queries::cancel_scans().bind(on, &guild_id, &channel_ids).map(|_| ()).all().await?.rows())
    })
}

/// Returns the scans of each channel of a guild, by the channels' numbers. Leaves out rows that cannot be read, and
/// [reports](super#rows-that-cannot-be-read) them.
///
/// Needs: select on `bot_channels`; select on `bot_channel_scan_runs`; select on `bot_channel_coverage`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_scan_states(client: &impl Client, guild_id: GuildId) -> Result<Vec<ScanState>, Error> {
    list!(client, "get_scan_states", |on| queries::get_scan_states()
        .bind(on, &guild_id)
        .map(|row| ScanState::try_from(row)))
}

/// Counts the shared runs that are not finished. The metrics `clip_saver.scans` (by `status`) and `clip_saver.scans.oldest` (in
/// seconds; 0 if none waits) show what the last call found.
///
/// Needs: select on `bot_channel_scan_runs`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn scan_queue_stats(client: &impl Client) -> Result<ScanQueueStats, Error> {
    fetch!(client, "scan_queue_stats", |on| {
        let stats = queries::scan_queue_stats().bind(on).map(ScanQueueStats::from).one().await?;
        show(&stats);
        Ok(stats)
    })
}

#[expect(clippy::cast_precision_loss, reason = "gauges are f64: exact up to 2^53 runs")]
fn show(stats: &ScanQueueStats) {
    let ScanQueueStats { queued, delayed, running, expired, oldest } = *stats;
    for (status, runs) in [("queued", queued), ("delayed", delayed), ("running", running), ("expired", expired)] {
        gauge!("clip_saver.scans", "status" => status).set(runs as f64);
    }
    gauge!("clip_saver.scans.oldest").set(oldest.unwrap_or_default().as_secs_f64());
}

/// Deletes the runs that finished more than `older_than` ago, but not the newest `keep` of each channel; returns how many. It
/// works in steps of at most 10,000 runs, each of which is a commit of its own on a [`Db`](crate::Db): no lock is held long.
///
/// Not idempotent: repeated, it deletes nothing more, but answers 0.
///
/// Needs: select, update on `bot_channels`; select, delete on `bot_channel_scan_runs`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `older_than` is over 100 years; else see the [module](super#errors).
pub async fn purge_finished_scan_runs(client: &impl Client, older_than: Duration, keep: u32) -> Result<u64, Error> {
    let mut deleted = 0;
    let mut after: Option<String> = None;
    loop {
        let step =
            once!(client, "purge_finished_scan_runs", "DELETE", || check_duration("older_than", older_than), |on| {
                let query = queries::purge_finished_scan_runs();
                Ok(query.bind(on, &after, &i64::from(keep), &older_than.as_secs_f64()).one().await?)
            })?;
        deleted += rows(step.deleted);
        match step.last_channel_id {
            _ if step.deleted >= PURGE_STEP => {}
            Some(last) => after = Some(last),
            None => return Ok(deleted),
        }
    }
}

fn check_request(request: &ScanRequest) -> Result<(), Error> {
    let ScanRequest { after, before, priority: _, not_before } = *request;
    bigint("after", after.map_or(0, MessageId::get))?;
    bigint("before", before.map_or(0, MessageId::get))?;
    if let Some((after, before)) = after.zip(before).filter(|(after, before)| after.get() + 1 >= before.get()) {
        return Err(Error::invalid_input(
            "before",
            format!("is {before}: nothing lies between it and `after` {after}"),
        ));
    }
    check_time("not_before", not_before)
}

fn check_limit(limit: u32, most: u32) -> Result<(), Error> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(Error::invalid_input("limit", format!("is {limit}: it must be from 1 to {most}")))
}

fn check_lease(lease: Duration) -> Result<(), Error> {
    if lease < Duration::from_millis(1) {
        return Err(Error::invalid_input("lease", "is under a millisecond: the claim would be lost at once"));
    }
    check_duration("lease", lease)
}
