//! `clip-db scans`

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use clip_saver_db::{
    CancelScope, ChannelId, Db, GuildId, ScanRequest, ScanRequested, ScanRun, ScanRunId, ScanState, repositories,
};
use serde_json::{Value, json};

use crate::arguments::Scans;
use crate::exit::{Exit, Failure};
use crate::output::{Output, table};

pub async fn run(db: &Db, command: &Scans, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Scans::List { guild: Some(guild), json, .. } => channels(db, *guild, *json, output).await,
        Scans::List { guild: None, channel: Some(channel), limit, json } => {
            runs(db, *channel, *limit, *json, output).await
        }
        Scans::List { .. } => Err(Failure::wrong("give --guild or --channel")),
        Scans::Stats { json } => stats(db, *json, output).await,
        Scans::Cancel { run, guild, channel } => cancel(db, *run, *guild, channel, output).await,
        Scans::Requeue { run } => requeue(db, *run, output).await,
        Scans::Purge { older_than, keep } => purge(db, *older_than, *keep, output).await,
    }
}

async fn channels(db: &Db, guild: GuildId, as_json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let states = repositories::get_scan_states(db, guild).await?;
    if as_json {
        output.line(Value::Array(states.iter().map(channel_object).collect()));
        return Ok(Exit::Fine);
    }
    let head = ["channel", "name", "read", "messages", "gaps", "active run", "worker", "lease until", "last end"];
    let mut table = table(&head);
    for state in &states {
        table.add_row(channel_cells(state));
    }
    output.line(table);
    Ok(Exit::Fine)
}

fn channel_cells(state: &ScanState) -> [String; 9] {
    let active = state.active.as_ref();
    let last = state.last.as_ref().map(|last| {
        let reason = last.error_message.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} {}{reason}", last.status, time(last.finished_at))
    });
    [
        state.channel_id.to_string(),
        state.name.clone().unwrap_or_default(),
        if state.is_reading { "yes" } else { "no" }.to_owned(),
        state.message_count.to_string(),
        state.gaps.to_string(),
        active.map(|active| format!("{} {}", active.status, active.run_id)).unwrap_or_default(),
        active.and_then(|active| active.worker.clone()).unwrap_or_default(),
        active.and_then(|active| active.lease_until).map(time).unwrap_or_default(),
        last.unwrap_or_default(),
    ]
}

fn channel_object(state: &ScanState) -> Value {
    let active = state.active.as_ref().map(|active| {
        json!({
            "run_id": active.run_id,
            "status": active.status.as_str(),
            "worker": active.worker,
            "lease_until": active.lease_until.map(|until| until.to_rfc3339()),
            "messages_scanned": active.progress.messages_scanned,
            "messages_matched": active.progress.messages_matched,
        })
    });
    let last = state.last.as_ref().map(|last| {
        json!({
            "status": last.status.as_str(),
            "finished_at": last.finished_at.to_rfc3339(),
            "error_message": last.error_message,
        })
    });
    json!({
        "channel_id": state.channel_id,
        "name": state.name,
        "is_reading": state.is_reading,
        "message_count": state.message_count,
        "gaps": state.gaps,
        "active": active,
        "last": last,
    })
}

async fn runs(db: &Db, channel: ChannelId, limit: u32, as_json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let runs = repositories::get_scan_runs(db, channel, limit).await?;
    if as_json {
        output.line(Value::Array(runs.iter().map(run_object).collect()));
        return Ok(Exit::Fine);
    }
    let mut table = table(&[
        "run", "status", "priority", "attempts", "worker", "scanned", "matched", "created", "finished", "reason",
    ]);
    for run in &runs {
        table.add_row(run_cells(run));
    }
    output.line(table);
    Ok(Exit::Fine)
}

fn run_cells(run: &ScanRun) -> [String; 10] {
    [
        run.id.to_string(),
        run.status.to_string(),
        run.priority.to_string(),
        run.attempts.to_string(),
        run.worker.clone().unwrap_or_default(),
        run.messages_scanned.to_string(),
        run.messages_matched.to_string(),
        time(run.created_at),
        run.finished_at.map(time).unwrap_or_default(),
        run.error_message.clone().unwrap_or_default(),
    ]
}

fn run_object(run: &ScanRun) -> Value {
    let rfc3339 = |time: Option<DateTime<Utc>>| time.map(|time| time.to_rfc3339());
    json!({
        "run_id": run.id,
        "channel_id": run.channel_id,
        "after_message_id": run.after_message_id,
        "before_message_id": run.before_message_id,
        "status": run.status.as_str(),
        "priority": run.priority,
        "attempts": run.attempts,
        "takeovers": run.takeovers,
        "worker": run.worker,
        "lease_until": rfc3339(run.lease_until),
        "not_before": rfc3339(run.not_before),
        "cancel_requested_at": rfc3339(run.cancel_requested_at),
        "messages_scanned": run.messages_scanned,
        "messages_matched": run.messages_matched,
        "created_at": rfc3339(Some(run.created_at)),
        "started_at": rfc3339(run.started_at),
        "finished_at": rfc3339(run.finished_at),
        "error_message": run.error_message,
    })
}

async fn stats(db: &Db, as_json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let stats = repositories::scan_queue_stats(db).await?;
    let oldest = stats.oldest.map(|oldest| oldest.as_secs());
    if as_json {
        output.line(json!({
            "queued": stats.queued,
            "delayed": stats.delayed,
            "running": stats.running,
            "expired": stats.expired,
            "oldest_seconds": oldest,
        }));
        return Ok(Exit::Fine);
    }
    let waiting = oldest.map(|seconds| format!(", the oldest for {seconds} s")).unwrap_or_default();
    output.line(format_args!(
        "{} queued{waiting}; {} delayed; {} running; {} with an expired lease",
        stats.queued, stats.delayed, stats.running, stats.expired
    ));
    Ok(Exit::Fine)
}

async fn cancel(
    db: &Db,
    run: Option<ScanRunId>,
    guild: Option<GuildId>,
    channels: &[ChannelId],
    output: &mut Output,
) -> Result<Exit, Failure> {
    let canceled = match (run, guild) {
        (Some(run), _) => u64::from(repositories::request_scan_cancel(db, run).await?),
        (None, Some(guild)) => repositories::cancel_scans(db, CancelScope::Guild(guild)).await?,
        (None, None) => repositories::cancel_scans(db, CancelScope::Channels(channels)).await?,
    };
    let runs = if canceled == 1 { "run" } else { "runs" };
    output.line(format_args!("{canceled} {runs} canceled, or to be canceled by the worker"));
    Ok(if canceled > 0 { Exit::Fine } else { Exit::SomethingToDo })
}

async fn requeue(db: &Db, run_id: ScanRunId, output: &mut Output) -> Result<Exit, Failure> {
    let Some(run) = repositories::get_scan_run(db, run_id).await? else {
        return Err(Failure::wrong(format!("{run_id} is not a stored run: `clip-db scans list` shows them")));
    };
    if run.finished_at.is_none() {
        return Err(Failure::wrong(format!("{run_id} is {}: only a finished run can be enqueued again", run.status)));
    }
    let mut request = ScanRequest::new().with_priority(run.priority);
    (request.after, request.before) = (run.after_message_id, run.before_message_id);
    let (exit, line) = match repositories::request_scan(db, run.channel_id, &request).await? {
        ScanRequested::Enqueued(id) => (Exit::Fine, format!("enqueued as {id}")),
        ScanRequested::AlreadyActive(id) => (Exit::SomethingToDo, format!("an equal run is active: {id}")),
        ScanRequested::NotReading | ScanRequested::UnknownChannel => {
            (Exit::SomethingToDo, format!("nothing enqueued: channel {} is not read", run.channel_id))
        }
    };
    output.line(line);
    Ok(exit)
}

async fn purge(db: &Db, older_than: Duration, keep: u32, output: &mut Output) -> Result<Exit, Failure> {
    let deleted = repositories::purge_finished_scan_runs(db, older_than, keep).await?;
    let runs = if deleted == 1 { "run" } else { "runs" };
    output.line(format_args!("{deleted} finished {runs} deleted"));
    Ok(Exit::Fine)
}

/// A time to the second.
fn time(time: DateTime<Utc>) -> String {
    time.trunc_subsecs(0).to_string()
}
