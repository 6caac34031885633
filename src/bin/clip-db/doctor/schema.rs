//! Checks where the sessions of bot and worker look for tables.

use clip_saver_db::GenericClient as _;

use super::{Findings, Level, Target};

pub async fn schema(target: &Target<'_>) -> Findings {
    let config = &target.settings.config;
    // In a transaction: with `DB_PREPARED_STATEMENTS=off` each call is one, and it brings the settings.
    let transaction = target.db.begin().await?;
    let row = transaction.query_one(include_str!("schema.sql"), &[&config.schema]).await;
    transaction.rollback().await;
    let row = row?;
    let (path, schema): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let wanted = config.schema.as_str();
    Ok(vec![if schema == wanted {
        Level::Ok.with(format!("{wanted}, search_path = {path}"))
    } else if schema.is_empty() && row.try_get(2)? {
        Level::Wrong.with(format!("this role may not use {wanted} (DB_SCHEMA): let its owner grant usage on it"))
    } else if schema.is_empty() {
        Level::Note.with(format!("{wanted} (DB_SCHEMA) does not exist yet: `clip-db migrate` creates it"))
    } else {
        Level::Wrong
            .with(format!("calls look for tables in {schema} (search_path = {path}), but DB_SCHEMA is {wanted}"))
    }])
}
