//! Checks the network to the server: encryption, and the difference of the clocks.

use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clip_saver_db::SslMode;

use super::{Findings, Level, Target};

/// How much the clocks may differ, in seconds.
const MAX_CLOCK_DIFFERENCE: f64 = 5.0;

pub async fn encryption(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("encryption.sql")).await?;
    let (version, cipher, is_socket): (Option<&str>, Option<&str>, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if row.try_get(3)? {
        return Ok(vec![Level::Note.with("the server does not show it to this role, which the session has taken")]);
    }
    let is_local = target.settings.hosts().split(',').all(is_local);
    let mode = target.settings.config.ssl_mode();
    let has_roots = target.settings.entries().iter().any(|(name, _)| name == "sslrootcert"); // all modes verify then
    let verifies = has_roots || matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull);
    Ok(vec![match (version, cipher) {
        (Some(version), Some(cipher)) if is_local || verifies => {
            Level::Ok.with(format!("{version}, {cipher}, sslmode={mode}"))
        }
        (Some(version), _) => Level::Note.with(format!(
            "{version}, but with sslmode={mode} anybody could pose as the server: add sslmode=verify-full, and \
             sslrootcert=FILE if its certificate is from a private authority"
        )),
        _ if is_socket => Level::Ok.with("none, and none needed: a Unix socket"),
        _ if is_local => Level::Ok.with("none, and none needed: this machine"),
        _ => Level::Note.with(format!(
            "none (sslmode={mode}): anybody on the network path can read everything. Let the server offer TLS (ssl, \
             pg_hba.conf), and add sslmode=verify-full"
        )),
    }])
}

fn is_local(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub async fn clock(target: &Target<'_>) -> Findings {
    let sent = Instant::now();
    let database: f64 = target.row(include_str!("clock.sql")).await?.try_get(0)?;
    // The database read its clock about half a round trip ago.
    let since = sent.elapsed().as_secs_f64() / 2.0;
    let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() - since;
    let ahead = database - machine;
    Ok(vec![if ahead.abs() <= MAX_CLOCK_DIFFERENCE {
        Level::Ok.with(format!("the database's and this machine's differ by {:.1} s", ahead.abs()))
    } else {
        let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
        Level::Note.with(format!(
            "the database's clock is {:.0} s {direction} this machine's: set the one that is wrong. Stored times are the \
             database's",
            ahead.abs()
        ))
    }])
}
