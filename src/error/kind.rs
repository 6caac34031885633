//! What logs and metrics call an error.

use super::Error;

impl Error {
    /// The variant's name as in logs and metrics: `error.type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::InvalidId { .. } => "invalid_id",
            Self::InvalidInput { .. } => "invalid_input",
            Self::UnreadableRow { .. } => "unreadable_row",
            Self::UnreadableSettings { .. } => "unreadable_settings",
            Self::UniqueViolation { .. } => "unique_violation",
            Self::ForeignKeyViolation { .. } => "foreign_key_violation",
            Self::CheckViolation { .. } => "check_violation",
            Self::NotNullViolation { .. } => "not_null_violation",
            Self::Conflict { .. } => "conflict",
            Self::Canceled { .. } => "canceled",
            Self::PoolTimeout { .. } => "pool_timeout",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Closed { .. } => "closed",
            Self::Connection { .. } => "connection",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::ReadOnly { .. } => "read_only",
            Self::Tls { .. } => "tls",
            Self::Pooler { .. } => "pooler",
            Self::TransactionAborted { .. } => "transaction_aborted",
            Self::Database { .. } => "database",
            Self::Config { .. } => "config",
            Self::Migration { .. } => "migration",
        }
    }
}
