//! PgBouncer, or another pooler, between this program and the server.

use clip_saver_db::Pooler;

use super::{Findings, Level, Patient};

/// Bot and worker send their timeouts as options.
const REFUSES_OPTIONS: &str = "PgBouncer refuses start-up options, so that neither bot nor worker can connect: connect to PostgreSQL itself, or set \
     DB_STATEMENT_TIMEOUT=0 and DB_IDLE_IN_TRANSACTION_TIMEOUT=0, or `ignore_startup_parameters = options` in \
     pgbouncer.ini";

pub async fn pooler(patient: &Patient<'_>) -> Findings {
    let mode = match patient.db.pooler().await? {
        Pooler::Absent => Level::Ok.with("none"),
        Pooler::Session => in_between(patient, "session"),
        Pooler::Renaming => in_between(patient, "transaction"),
        Pooler::Mixing => Level::Wrong.with(
            "in between, in transaction or statement mode, and it does not keep prepared statements apart: neither bot nor \
             worker connects, since queries would fail or give the rows of others. Connect to PostgreSQL itself, or use \
             session mode, or PgBouncer 1.21 or later with max_prepared_statements above 0",
        ),
    };
    let refusal = patient.refuses_options.then(|| Level::Wrong.with(REFUSES_OPTIONS));
    Ok(refusal.into_iter().chain([mode]).collect())
}

fn in_between(patient: &Patient<'_>, mode: &str) -> (Level, String) {
    if patient.settings.migrates_elsewhere() {
        return Level::Ok.with(format!("in between, in {mode} mode: that works, and DB_MIGRATION_URL leads around it"));
    }
    Level::Note.with(format!(
        "in between, in {mode} mode: queries work, but migrations do not go through it. Set DB_MIGRATION_URL to PostgreSQL's \
         own address"
    ))
}
