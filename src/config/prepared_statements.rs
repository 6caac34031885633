//! Whether statements are prepared once for each connection. Some poolers do not allow that.

use std::fmt;
use std::str::FromStr;

use super::by_name::by_name;

/// Whether calls use named prepared statements: `DB_PREPARED_STATEMENTS`.
///
/// A call with a prepared statement is one round trip. A pooler in transaction mode must keep the prepared statements
/// of its clients apart: `PgBouncer` 1.21 and later does, with `max_prepared_statements` above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PreparedStatements {
    /// `auto`: looks for a pooler at the start. A program refuses to start behind a pooler that mixes up prepared
    /// statements.
    #[default]
    Auto,
    /// `on`: uses named statements without looking. For poolers that keep them apart in a way that `auto` does not
    /// recognize.
    On,
    /// `off`: each call is a transaction that prepares its statements, runs them and closes them. Works behind any
    /// pooler in session or transaction mode; a call takes four round trips.
    Off,
}

impl FromStr for PreparedStatements {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        by_name([Self::Auto, Self::On, Self::Off], text)
    }
}

impl fmt::Display for PreparedStatements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        })
    }
}
