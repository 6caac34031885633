//! Rows that this version cannot read, because older programs or people stored values that are not valid. Lists leave them
//! out; these functions show them.

use crate::codegen::queries::unreadable_rows::{self as queries, GetUnreadableRowsBorrowed};
use crate::error::Error;
use crate::pool::client::Client;
use crate::types::unreadable::UnreadableRow;

impl From<GetUnreadableRowsBorrowed<'_>> for UnreadableRow {
    fn from(row: GetUnreadableRowsBorrowed<'_>) -> Self {
        let GetUnreadableRowsBorrowed { table_name, key, column_name, value, reason } = row;
        Self {
            table: table_name.into(),
            key: key.into(),
            column: column_name.into(),
            value: value.into(),
            reason: reason.into(),
        }
    }
}

/// Returns the values that this version cannot read, at most `limit`, in every table: ids that are not snowflakes, and times
/// that are too far away. A row with two such values comes twice. Rows that others refer to come first.
///
/// Lists leave these rows out, and a read by key fails with [`ErrorKind::UnreadableRow`](crate::ErrorKind::UnreadableRow).
/// `clip-db unreadable --delete` deletes those whose ids are wrong.
///
/// This reads every table from end to end: call it when a list has warned, not in a loop.
///
/// Needs: select on `users`; select on `bot_guilds`; select on `guild_settings`; select on `bot_channels`; select on
/// `bot_channel_scan_runs`; select on `install_intents`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_unreadable_rows(client: &impl Client, limit: u32) -> Result<Vec<UnreadableRow>, Error> {
    fetch!(client, "get_unreadable_rows", |on| {
        let limit = i64::from(limit);
        Ok(queries::get_unreadable_rows().bind(on, &limit).map(|row| UnreadableRow::from(row)).all().await?)
    })
}
