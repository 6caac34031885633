//! Whether a server is one that `target_session_attrs` asks for.

use std::pin::pin;

use futures::future::{Either, select};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::connect::{PgConnection, unreachable_host};
use crate::config::target_session::TargetSession;
use crate::error::Error;

/// Asks the server, unless any server will do. Refused: it may become one later.
pub(super) async fn check(wanted: TargetSession, client: &Client, connection: &mut PgConnection) -> Result<(), Error> {
    if wanted == TargetSession::Any {
        return Ok(());
    }
    let asking = pin!(client.simple_query(include_str!("target_session.sql")));
    let answer = match select(asking, connection).await {
        Either::Left((answer, _)) => answer.map_err(Error::connecting)?,
        Either::Right((ended, _)) => {
            return Err(ended.map_or_else(Error::connecting, |()| unreachable_host("connection closed")));
        }
    };
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.ok_or_else(|| unreachable_host("the server does not say whether it is a standby"))?;
    why_unfit(wanted, row).map_or(Ok(()), |reason| Err(unreachable_host(reason)))
}

/// In libpq's words.
fn why_unfit(wanted: TargetSession, row: &SimpleQueryRow) -> Option<&'static str> {
    let (is_read_only, is_standby) = (row.get(0) == Some("on"), row.get(1) == Some("t"));
    match wanted {
        TargetSession::ReadWrite if is_read_only => Some("database does not allow writes"),
        TargetSession::ReadOnly if !is_read_only => Some("database is not read only"),
        TargetSession::Primary if is_standby => Some("server is in hot standby mode"),
        TargetSession::Standby if !is_standby => Some("server is not in hot standby mode"),
        _ => None,
    }
}
