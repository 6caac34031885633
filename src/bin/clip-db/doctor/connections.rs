//! Whether the server has room for the pools.

use super::{Findings, Level, Target};

/// The doctor's own connections: one for the checks, one for reading the migrations.
const OWN_CONNECTIONS: i32 = 2;

/// How many connections someone allows, and how many of them others use.
struct Limit {
    owner: String,
    allowed: i32,
    in_use: i32,
}

pub async fn connections(target: &Target<'_>) -> Findings {
    let mut limits = Vec::new();
    for row in target.rows(include_str!("connections.sql")).await? {
        let in_use = (row.try_get::<_, i32>(2)? - OWN_CONNECTIONS).max(0);
        limits.push(Limit { owner: row.try_get(0)?, allowed: row.try_get(1)?, in_use });
    }
    limits.retain(|limit| limit.allowed >= 0);
    let pool_max = i32::try_from(target.settings.config.pool_max).unwrap_or(i32::MAX);
    let smallest = limits.iter().min_by_key(|limit| limit.allowed).filter(|limit| pool_max > limit.allowed);
    let fullest = limits.iter().min_by_key(|limit| limit.allowed - limit.in_use);
    let Some(Limit { owner, allowed, in_use }) = smallest.or(fullest) else { return Ok(Vec::new()) };
    let facts =
        format!("up to {pool_max} in each program (DB_POOL_MAX); {owner} allows {allowed}, others use {in_use} now");
    Ok(vec![if pool_max > *allowed {
        Level::Wrong.with(format!("{facts}: lower DB_POOL_MAX, or raise the limit"))
    } else if pool_max > allowed - in_use {
        Level::Note.with(format!("{facts}: programs may have to wait for each other's connections"))
    } else {
        Level::Ok.with(facts)
    }])
}
