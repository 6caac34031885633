//! libpq's `target_session_attrs`: which of several servers accepts a session. tokio-postgres knows three of the six values.

use std::fmt;
use std::str::FromStr;

use super::by_name::by_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TargetSession {
    #[default]
    Any,
    /// It accepts writes.
    ReadWrite,
    /// It accepts no writes: a standby, or a server that is read-only by its settings.
    ReadOnly,
    /// It is no standby.
    Primary,
    Standby,
    /// A standby. If there is none, any server.
    PreferStandby,
}

impl TargetSession {
    /// What is asked of the servers in turn: of all of them first the one, then the other.
    pub(crate) fn passes(self) -> Vec<Self> {
        if self == Self::PreferStandby { vec![Self::Standby, Self::Any] } else { vec![self] }
    }
}

impl FromStr for TargetSession {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Any, Self::ReadWrite, Self::ReadOnly, Self::Primary, Self::Standby, Self::PreferStandby];
        by_name(all, text).map_err(|reason| format!("target_session_attrs {reason}"))
    }
}

impl fmt::Display for TargetSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        })
    }
}
