//! PgBouncer, or another pooler, between this program and the server.

use super::{Findings, Level, Patient};

pub async fn pooler(patient: &Patient<'_>) -> Findings {
    if !patient.refusals.is_empty() {
        return Ok(patient.refusals.iter().map(|refusal| Level::Wrong.with(refusal.as_str())).collect());
    }
    let finding = match patient.db.health().await?.pooler {
        None => Level::Ok.with("none"),
        Some(mode) if patient.settings.migrates_elsewhere() => {
            Level::Ok.with(format!("in {mode} mode: that works, and DB_MIGRATION_URL leads around it"))
        }
        Some(mode) => Level::Note.with(format!(
            "in {mode} mode: queries work, but migrations do not go through it. Set DB_MIGRATION_URL to PostgreSQL's own \
             address"
        )),
    };
    Ok(vec![finding])
}
