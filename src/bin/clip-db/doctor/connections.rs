//! Whether the server has room for the pools.

use super::{Findings, Level, Target};

/// The doctor's own connections: one for the checks, one for reading the migrations.
const OWN_CONNECTIONS: i32 = 2;

pub async fn connections(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("connections.sql")).await?;
    let (server, database, role): (i32, i32, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let in_use = (row.try_get::<_, i32>(3)? - OWN_CONNECTIONS).max(0);
    let limits = [("the server", server), ("the database", database), ("the role", role)];
    let allowed = limits.into_iter().filter(|(_, limit)| *limit >= 0).min_by_key(|(_, limit)| *limit);
    let (owner, limit) = allowed.unwrap_or(limits[0]);
    let pool_max = i32::try_from(target.settings.config.pool_max).unwrap_or(i32::MAX);
    let facts =
        format!("up to {pool_max} in each program (DB_POOL_MAX); {owner} allows {limit}, others use {in_use} now");
    Ok(vec![if pool_max > limit {
        Level::Wrong.with(format!("{facts}: lower DB_POOL_MAX, or raise the limit"))
    } else if pool_max > limit - in_use {
        Level::Note.with(format!("{facts}: programs may have to wait for each other's connections"))
    } else {
        Level::Ok.with(facts)
    }])
}
