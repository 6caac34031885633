//! Checks the server: its version, whether it accepts writes, and the extension.

use super::{Findings, Level, Target};

/// The first version with multiranges, which `V7` needs.
const OLDEST: i32 = 140_000;

pub async fn version(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("server.sql")).await?;
    let (name, number): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
    Ok(vec![match number {
        OLDEST.. => Level::Ok.with(format!("PostgreSQL {name}")),
        _ => Level::Wrong.with(format!("PostgreSQL {name} is too old: use 14 or later")),
    }])
}

pub async fn writable(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("server.sql")).await?;
    let (is_standby, is_read_only): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
    Ok(vec![if is_standby {
        Level::Wrong.with(
            "a standby, which accepts no writes: connect to the primary (name all hosts and add \
             target_session_attrs=read-write)",
        )
    } else if is_read_only {
        Level::Wrong.with("sessions are read-only: see default_transaction_read_only of server, database and role")
    } else {
        Level::Ok.with("a primary that accepts writes")
    }])
}

pub async fn extension(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("extension.sql")).await?;
    let (is_installed, is_available, may_install): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(vec![if is_installed {
        Level::Ok.with("installed")
    } else if !is_available {
        Level::Wrong.with("not on the server: install PostgreSQL's contrib package there")
    } else if may_install {
        Level::Note.with("not installed yet: `clip-db migrate` installs it")
    } else {
        Level::Wrong
            .with("not installed, and this role may not install it: let the database's owner create the extension")
    }])
}
