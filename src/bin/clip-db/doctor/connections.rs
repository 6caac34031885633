//! Whether the server has room for the pools.

use super::{Findings, Level, Patient};

/// The finding's own: the one that looks, and the one that the migrations were read by.
const OWN: i32 = 2;

pub async fn connections(patient: &Patient<'_>) -> Findings {
    let row = patient.row(include_str!("connections.sql")).await?;
    let (server, database, role): (i32, i32, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let taken = (row.try_get::<_, i32>(3)? - OWN).max(0);
    let limits = [("the server", server), ("the database", database), ("the role", role)];
    let allowed = limits.into_iter().filter(|(_, limit)| *limit >= 0).min_by_key(|(_, limit)| *limit);
    let (who, limit) = allowed.unwrap_or(limits[0]);
    let most = i32::try_from(patient.settings.config.pool_max).unwrap_or(i32::MAX);
    let facts = format!("up to {most} in each program (DB_POOL_MAX); {who} allows {limit}, others have {taken} now");
    Ok(vec![if most > limit {
        Level::Wrong.with(format!("{facts}: lower DB_POOL_MAX, or raise the limit"))
    } else if most > limit - taken {
        Level::Note.with(format!("{facts}: programs may have to wait for each other's connections"))
    } else {
        Level::Ok.with(facts)
    }])
}
