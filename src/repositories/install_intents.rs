//! Install intents: OAuth2 authorizations that users began, to add the bot to a guild.

use std::time::Duration;

use super::{check_duration, check_text, rows, stored};
use crate::codegen::client::Params as _;
use crate::codegen::queries::install_intents::{self as queries, CreateInstallIntentParams, InstallIntentRowBorrowed};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::pool::observe::Rows;
use crate::types::models::InstallIntent;
use crate::types::snapshots::NewInstallIntent;

impl Rows for InstallIntent {}

impl TryFrom<InstallIntentRowBorrowed<'_>> for InstallIntent {
    type Error = Error;

    fn try_from(row: InstallIntentRowBorrowed<'_>) -> Result<Self, Error> {
        let InstallIntentRowBorrowed { state, user_id, guild_id, created_at, expires_at } = row;
        Ok(Self {
            state: state.into(),
            user_id: stored("install_intents.user_id", state, user_id)?,
            guild_id: stored("install_intents.guild_id", state, guild_id)?,
            created_at,
            expires_at,
        })
    }
}

/// In bytes. The primary key's index holds at most about 2,700 bytes, unless the text can be compressed.
const MAX_STATE_BYTES: usize = 2_000;

fn check_state(state: &str) -> Result<(), Error> {
    check_text("state", state)?;
    if state.len() <= MAX_STATE_BYTES { Ok(()) } else { Err(Error::invalid_input("state", "is over 2,000 bytes long")) }
}

/// Stores an intent that expires after its lifetime, by the database's clock.
///
/// Not idempotent: repeated, it fails because the state is taken.
///
/// Needs: select, insert on `install_intents`.
///
/// # Errors
/// [`ErrorKind::UniqueViolation`] (`install_intents_pkey`) if the state is taken; [`ErrorKind::ForeignKeyViolation`]
/// (`install_intents_user_id_fkey`) if the user is not in `users`; [`ErrorKind::InvalidInput`] if the state holds U+0000 or is
/// over 2,000 bytes long, and for a lifetime over 100 years; else see the [module](super#errors).
pub async fn create_install_intent(client: &impl Client, intent: &NewInstallIntent) -> Result<InstallIntent, Error> {
    once!(
        client,
        "create_install_intent",
        "INSERT",
        || check_state(&intent.state),
        || check_duration("lifetime", intent.lifetime),
        |on| {
            let params = CreateInstallIntentParams {
                state: intent.state.as_str(),
                user_id: intent.user_id,
                guild_id: intent.guild_id,
                lifetime_seconds: intent.lifetime.as_secs_f64(),
            };
            let query = queries::create_install_intent();
            query.params(on, &params).map(|row| InstallIntent::try_from(row)).one().await?
        }
    )
}

/// Returns an intent, expired or not; `None` if it is unknown.
///
/// Needs: select on `install_intents`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000; else see the [module](super#errors).
pub async fn get_install_intent(client: &impl Client, state: &str) -> Result<Option<InstallIntent>, Error> {
    read!(client, "get_install_intent", || check_text("state", state), |on| queries::get_install_intent()
        .bind(on, &state)
        .map(|row| InstallIntent::try_from(row)))
}

/// Returns and deletes an intent that has not expired; `None` if it has expired or is unknown. Of many concurrent callers one
/// gets it, and the others get `None`.
///
/// Not idempotent: repeated, it answers `None`.
///
/// Needs: select, delete on `install_intents`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000; else see the [module](super#errors). An intent that cannot be read is deleted, too:
/// the user must begin again.
pub async fn consume_install_intent(client: &impl Client, state: &str) -> Result<Option<InstallIntent>, Error> {
    once!(client, "consume_install_intent", "DELETE", || check_text("state", state), |on| {
        let query = queries::consume_install_intent();
        query.bind(on, &state).map(|row| InstallIntent::try_from(row)).opt().await?.transpose()
    })
}

/// Deletes the intents that expired at least `grace` ago (the Python function's default was 300 seconds), and returns how
/// many were deleted.
///
/// Not idempotent: repeated, it deletes nothing more, but answers 0.
///
/// Needs: select, delete on `install_intents`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a grace over 100 years; else see the [module](super#errors).
pub async fn purge_expired_install_intents(client: &impl Client, grace: Duration) -> Result<u64, Error> {
    once!(client, "purge_expired_install_intents", "DELETE", || check_duration("grace", grace), |on| {
        Ok(rows(queries::purge_expired_install_intents().bind(on, &grace.as_secs_f64()).one().await?))
    })
}
