//! Checks what holds back the server: replication slots that nobody reads, and old transactions.

use super::{Findings, Level, Target};

pub async fn retention(target: &Target<'_>) -> Findings {
    let mut findings = Vec::new();
    for row in target.rows(include_str!("transactions.sql")).await? {
        let (what, seconds, end): (&str, i64, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        findings.push(Level::Note.with(format!(
            "{what} {seconds} s old: vacuum keeps every row that was deleted since. Let its program end it, or run `{end}`"
        )));
    }
    for row in target.rows(include_str!("slots.sql")).await? {
        let (name, kind, wal): (&str, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let rows = if row.try_get(3)? { ", and vacuum keeps deleted rows for it" } else { "" };
        findings.push(Level::Note.with(format!(
            "nobody reads the {kind} replication slot {name}: it keeps {wal} on the server's disk until that is full{rows}. If \
             its reader does not come back, run `select pg_drop_replication_slot('{name}')`"
        )));
    }
    if findings.is_empty() {
        findings.push(Level::Ok.with("no unread replication slot and no old transaction"));
    }
    Ok(findings)
}
