//! What lies between this machine and the server: encryption, and the difference of their clocks.

use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clip_saver_db::SslMode;

use super::{Findings, Level, Patient};

/// How far the clocks may be apart, in seconds.
const TOLERANCE: f64 = 5.0;

pub async fn encryption(patient: &Patient<'_>) -> Findings {
    let row = patient.row(include_str!("encryption.sql")).await?;
    let (version, cipher, is_socket): (Option<&str>, Option<&str>, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let is_local = patient.settings.hosts().split(',').all(is_local);
    let mode = patient.settings.config.ssl_mode();
    let has_roots = patient.settings.entries().iter().any(|(name, _)| name == "sslrootcert"); // all modes verify then
    let verifies = has_roots || matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull);
    Ok(vec![match (version, cipher) {
        (Some(version), Some(cipher)) if is_local || verifies => {
            Level::Ok.with(format!("{version}, {cipher}, sslmode={mode}"))
        }
        (Some(version), _) => Level::Note.with(format!(
            "{version}, but with sslmode={mode} anybody could pose as the server: add sslmode=verify-full, and \
             sslrootcert=FILE if its certificate is from an authority of its own"
        )),
        _ if is_socket => Level::Ok.with("none, and none needed: a socket of this machine"),
        _ if is_local => Level::Ok.with("none, and none needed: this machine"),
        _ => Level::Note.with(format!(
            "none (sslmode={mode}): whoever can listen on the way reads everything. Let the server offer TLS, and add \
             sslmode=verify-full"
        )),
    }])
}

fn is_local(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub async fn clock(patient: &Patient<'_>) -> Findings {
    let asked = Instant::now();
    let theirs: f64 = patient.row(include_str!("clock.sql")).await?.try_get(0)?;
    // The answer took as long as the question, about.
    let since = asked.elapsed().as_secs_f64() / 2.0;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() - since;
    let ahead = theirs - ours;
    Ok(vec![if ahead.abs() <= TOLERANCE {
        Level::Ok.with(format!("the database's and this machine's are {:.1} s apart", ahead.abs()))
    } else {
        let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
        Level::Note.with(format!(
            "the database's clock is {:.0} s {direction} this machine's: set the one that is wrong. Times are stored by the \
             database's",
            ahead.abs()
        ))
    }])
}
