//! Claiming and completing runs of this crate's tables as one would write it by hand: the plainest SQL with a token and a lease.
//! It knows no fairness bound, no repeated calls, and no runs that are to be canceled.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::database::{Database, connect};
use crate::throughput::CONNECTIONS;

/// The number of runs is a literal: with a parameter, PostgreSQL may read the whole table.
fn claim_sql(limit: u32) -> String {
    format!(
        "update bot_channel_scan_runs r
         set status = 'running', claim_token = r.claim_token + 1, worker = $1,
             lease_until = now() + make_interval(secs => $2), attempts = r.attempts + 1, started_at = now()
         from (
           select id from bot_channel_scan_runs
           where status = 'queued' and not_before is null and turn is not null
           order by priority desc, turn, created_at, id
           limit {limit}
           for no key update skip locked
         ) q
         where r.id = q.id
         returning r.id, r.claim_token, r.channel_id, r.queue_guild_id, r.after_message_id, r.before_message_id"
    )
}

const COMPLETE_ONE: &str = "update bot_channel_scan_runs
set status = 'succeeded', finished_at = now(), lease_until = null
where id = $1 and claim_token = $2 and status::text = 'running'";

const COMPLETE_MANY: &str = "update bot_channel_scan_runs r
set status = 'succeeded', finished_at = now(), lease_until = null
from unnest($1, $2) as c (id, token)
where r.id = c.id and r.claim_token = c.token and r.status::text = 'running'";

/// Claims and completes all runs of a queue.
pub async fn claim_and_complete(database: &Database, runs: i64, limit: u32) -> Duration {
    database.queue_only(runs).await;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = connect(database.url()).await;
        let claim = client.prepare(&claim_sql(limit)).await.expect("the statement is right");
        let (complete, types) = if limit == 1 {
            (COMPLETE_ONE, [Type::UUID, Type::INT8])
        } else {
            (COMPLETE_MANY, [Type::UUID_ARRAY, Type::INT8_ARRAY])
        };
        let complete = client.prepare_typed(complete, &types).await.expect("the statement is right");
        connections.push((client, claim, complete));
    }
    let started = Instant::now();
    let tasks: JoinSet<u64> =
        connections.into_iter().map(|(client, claim, complete)| claims(client, claim, complete, limit)).collect();
    let completed: u64 = tasks.join_all().await.into_iter().sum();
    let took = started.elapsed();
    assert_eq!(completed, runs.unsigned_abs(), "each run is claimed and completed once");
    took
}

async fn claims(client: Client, claim: Statement, complete: Statement, limit: u32) -> u64 {
    let mut completed = 0;
    loop {
        let rows = client.query(&claim, &[&"bench", &600.0_f64]).await.expect("the call succeeds");
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let tokens: Vec<i64> = rows.iter().map(|row| row.get(1)).collect();
        completed += match (limit, &ids[..], &tokens[..]) {
            (_, [], _) => return completed,
            (1, [id], [token]) => client.execute(&complete, &[id, token]).await,
            _ => client.execute(&complete, &[&ids, &tokens]).await,
        }
        .expect("the call succeeds");
    }
}
