//! Checks for a pooler, such as PgBouncer, between this program and the server.

use clip_saver_db::PreparedStatements;

use super::{Findings, Level, Target};

pub async fn pooler(target: &Target<'_>) -> Findings {
    if !target.refusals.is_empty() {
        return Ok(target.refusals.iter().map(|refusal| Level::Wrong.with(refusal.as_str())).collect());
    }
    let finding = match target.db.health().await?.pooler {
        None if target.settings.config.prepared_statements != PreparedStatements::Auto => Level::Note.with(format!(
            "not looked for: DB_PREPARED_STATEMENTS is {}",
            target.settings.config.prepared_statements
        )),
        None => Level::Ok.with("none"),
        Some("session") => Level::Ok.with("in session mode: queries and migrations work through it"),
        Some(mode) if target.settings.has_migration_url() => {
            Level::Ok.with(format!("in {mode} mode: that works, and migrations use DB_MIGRATION_URL"))
        }
        Some(mode) => Level::Note.with(format!(
            "in {mode} mode: queries work, but migrations do not work through it. Set DB_MIGRATION_URL to PostgreSQL's own \
             address"
        )),
    };
    Ok(vec![finding])
}
