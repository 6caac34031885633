//! Checks what the sessions of bot and worker are: where they look for tables, and how they are isolated.

use clip_saver_db::{GenericClient as _, PreparedStatements};

use super::{Findings, Level, Target};

/// The level that the queries are written for.
const ISOLATION: &str = "read committed";

pub async fn schema(target: &Target<'_>) -> Findings {
    let config = &target.settings.config;
    // In a transaction: with `DB_PREPARED_STATEMENTS=off` each call is one, and it brings the settings.
    let transaction = target.db.begin().await?;
    let row = transaction.query_one(include_str!("schema.sql"), &[]).await;
    transaction.rollback().await;
    let row = row?;
    let (path, schema): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let (isolation, remedy): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
    let wanted = config.schema.as_str();
    let mut findings = vec![if schema == wanted {
        Level::Ok.with(format!("{wanted}, search_path = {path}"))
    } else if schema.is_empty() {
        Level::Note.with(format!("{wanted} (DB_SCHEMA) does not exist yet: `clip-db migrate` creates it"))
    } else {
        Level::Wrong
            .with(format!("calls look for tables in {schema} (search_path = {path}), but DB_SCHEMA is {wanted}"))
    }];
    if isolation != ISOLATION && config.prepared_statements != PreparedStatements::Off {
        findings.push(Level::Wrong.with(format!(
            "the pooler gives sessions the isolation level {isolation}, so that concurrent calls fail with conflicts: run \
             `{remedy}`, and let the pooler reconnect"
        )));
    }
    Ok(findings)
}
