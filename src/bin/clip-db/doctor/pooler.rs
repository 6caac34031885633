//! PgBouncer, or another pooler, between this program and the server. It says nothing of itself, so this looks for what
//! can't be without one (tried with PgBouncer 1.18):
//!
//! - start-up options are refused with words that PostgreSQL does not have;
//! - two connections that are open at the same time are served by one process of the server, or one connection by several:
//!   transaction or statement mode;
//! - the process is older than the connection: session mode, with a process that served somebody else before.
//!
//! A pooler in session mode that has just opened its connection to the server is not noticed: it does no harm.

use std::collections::BTreeSet;

use clip_saver_db::{Connection, Error};
use tokio_postgres::types::Type;

use super::{Findings, Level, Patient};

/// How often both connections are looked at.
const ROUNDS: usize = 5;

/// How much older than its connection a process must be, in seconds, for that to mean something.
const MARGIN: f64 = 2.0;

/// Bot and worker send their timeouts as options.
fn refusal() -> (Level, String) {
    Level::Wrong.with(
        "PgBouncer refuses start-up options, so that neither bot nor worker can connect: connect to PostgreSQL itself, or \
         set DB_STATEMENT_TIMEOUT=0 and DB_IDLE_IN_TRANSACTION_TIMEOUT=0, or `ignore_startup_parameters = options` in \
         pgbouncer.ini",
    )
}

pub async fn pooler(patient: &Patient<'_>) -> Findings {
    let second = patient.db.connection().await?;
    let (mut ours, mut others) = (BTreeSet::new(), BTreeSet::new());
    let mut is_older = false;
    for _ in 0..ROUNDS {
        if let Some((process, age)) = process(&patient.connection).await? {
            ours.insert(process);
            is_older |= age > patient.opened.elapsed().as_secs_f64() + MARGIN;
        }
        others.extend(process(&second).await?.map(|(process, _)| process));
    }
    let is_shared = ours.len() > 1 || others.len() > 1 || !ours.is_disjoint(&others);
    let mode = if is_shared {
        shared(&patient.connection, &second).await?
    } else if is_older {
        Level::Note.with("in between, in session mode (the server's process is older than this connection): that works")
    } else if patient.refuses_options {
        return Ok(vec![refusal()]);
    } else {
        Level::Ok.with("none noticed")
    };
    Ok(patient.refuses_options.then(refusal).into_iter().chain([mode]).collect())
}

/// The server's process that serves a connection at the moment, and its age in seconds.
async fn process(connection: &Connection) -> Result<Option<(String, f64)>, Error> {
    let rows = connection.query_typed(include_str!("session.sql"), &[]).await?;
    rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Connections share processes: whether the pooler keeps their prepared statements apart.
async fn shared(first: &Connection, second: &Connection) -> Result<(Level, String), Error> {
    let probe = include_str!("probe.sql");
    let held = first.prepare(probe).await;
    let rows = second.query_typed(include_str!("prepared.sql"), &[(&probe, Type::TEXT)]).await?;
    let is_renamed = held.is_ok() && rows.first().is_some_and(|row| row.get(0));
    Ok(if is_renamed {
        Level::Note.with(
            "in between, in transaction mode: queries work, but migrations need their lock. Let clip-db migrate connect \
             to PostgreSQL itself, before bot and worker start",
        )
    } else {
        Level::Wrong.with(
            "in between, in transaction or statement mode, and it does not keep prepared statements apart: queries fail or, \
             worse, give the results of others. Connect to PostgreSQL itself, or use session mode, or PgBouncer 1.21 or \
             later with max_prepared_statements above 0",
        )
    })
}
