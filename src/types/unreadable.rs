//! What callers get of a row that cannot be read.

use std::fmt;

/// A stored value that this version cannot read, and the row that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// The table.
    pub table: String,
    /// The row's primary key, except in `users`: there it is `discord_user_id`.
    pub key: String,
    /// The column that cannot be read.
    pub column: String,
    /// What is stored there, as text.
    pub value: String,
    /// What is wrong with it: `is not a Discord snowflake`.
    pub reason: String,
}

impl UnreadableRow {
    /// An unreadable value without a reason.
    pub fn new(
        table: impl Into<String>,
        key: impl Into<String>,
        column: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            table: table.into(),
            key: key.into(),
            column: column.into(),
            value: value.into(),
            reason: "cannot be read".into(),
        }
    }
}

/// As errors name it: `bot_channels.channel_id of row "abc": "abc" is not a Discord snowflake`.
impl fmt::Display for UnreadableRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, column, value, reason } = self;
        write!(formatter, "{table}.{column} of row {key:?}: {value:?} {reason}")
    }
}
